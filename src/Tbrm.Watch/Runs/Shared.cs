using System.Collections.Generic;
using System.IO;

namespace Tbrm.Watch.Runs;

/// <summary>Reads files that another process has open, writes, renames or deletes.</summary>
internal static class Shared
{
    public static FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    public static string ReadText(string path)
    {
        using StreamReader reader = new(Open(path));
        return reader.ReadToEnd();
    }

    /// <summary>Whole lines; the last one only when it has its end.</summary>
    public static IEnumerable<string> ReadLines(string path)
    {
        using StreamReader reader = new(Open(path));
        System.Text.StringBuilder line = new();
        for (int c = reader.Read(); c >= 0; c = reader.Read())
        {
            if (c != '\n')
            {
                line.Append((char)c);
                continue;
            }

            yield return line.ToString();
            line.Clear();
        }
    }
}
