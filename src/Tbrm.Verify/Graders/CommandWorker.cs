using System;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;

namespace Tbrm.Verify;

/// <summary>One running copy of a grading program; used by one thread at a time.</summary>
internal sealed class CommandWorker : IDisposable
{
    private readonly Process _process;

    private CommandWorker(Process process) => _process = process;

    public static CommandWorker Start(string[] command)
    {
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
            UseShellExecute = false,
        };
        return new CommandWorker(Process.Start(start) ?? throw new FileNotFoundException("the program did not start"));
    }

    /// <summary>The program's answer to one line; null when it ended instead.</summary>
    /// <exception cref="OperationCanceledException">The time is up; the worker must not be used again.</exception>
    public string? Ask(string line, CancellationToken stop)
    {
        try
        {
            _process.StandardInput.WriteLineAsync(line.AsMemory(), stop).GetAwaiter().GetResult();
            _process.StandardInput.FlushAsync(stop).GetAwaiter().GetResult();
            return _process.StandardOutput.ReadLineAsync(stop).AsTask().GetAwaiter().GetResult();
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit(5000);
            }
        }
        catch (InvalidOperationException)
        {
            // It ended by itself in between.
        }

        _process.Dispose();
    }
}
