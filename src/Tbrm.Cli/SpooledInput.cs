using System;
using System.IO;

namespace Tbrm.Cli;

/// <summary>An input file; standard input (-) as a temporary one, since readers look at a file's beginning before they read it.</summary>
internal sealed class SpooledInput : IDisposable
{
    /// <summary>What stands for standard input and output.</summary>
    public const string StandardStream = "-";

    private readonly bool _isTemporary;

    public SpooledInput(string path)
    {
        _isTemporary = path == StandardStream;
        Path = path;
        if (_isTemporary)
        {
            Path = System.IO.Path.GetTempFileName();
            using Stream input = Console.OpenStandardInput();
            using FileStream copy = new(Path, FileMode.Truncate, FileAccess.Write);
            input.CopyTo(copy);
        }
    }

    /// <summary>A file that can be read more than once.</summary>
    public string Path { get; }

    public void Dispose()
    {
        if (_isTemporary)
        {
            File.Delete(Path);
        }
    }
}
