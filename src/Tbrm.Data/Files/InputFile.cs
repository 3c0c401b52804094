using System;
using System.IO;
using System.IO.Compression;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Files;

/// <summary>Opening files for reading, with errors in the user's terms.</summary>
internal static class InputFile
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Opens for sequential or random reading.</summary>
    /// <exception cref="DataException">There is no such file, it is a folder, or it may not be read.</exception>
    public static FileStream Open(string path, bool sequential)
    {
        if (Directory.Exists(path))
        {
            throw new DataException($"{path}: is a folder; give the data file inside it");
        }

        try
        {
            FileOptions options = sequential ? FileOptions.SequentialScan : FileOptions.RandomAccess;
            FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, options);
            if (!stream.CanSeek)
            {
                stream.Dispose();
                throw new DataException(
                    $"{path}: is a pipe, and data files are read more than once; write it to a file first");
            }

            return stream;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataException($"{path}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Opens a text file, unpacking it when its first two bytes are gzip's.</summary>
    public static Stream OpenText(string path)
    {
        FileStream file = Open(path, sequential: true);
        try
        {
            bool isGzip = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            return isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
