using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;

namespace Tbrm.Cli;

/// <summary>The first Ctrl-C, SIGTERM or SIGHUP (the terminal is gone) asks the verb to end in order; the second ends
/// it at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration? _hangUp;
    private readonly string _second;

    /// <summary>Listens until disposed.</summary>
    /// <param name="saves">Whether ending in order saves something.</param>
    public StopSignals(bool saves)
    {
        _second = saves ? "stop without saving" : "stop at once";
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
        _hangUp = IsHangUpIgnored() ? null : PosixSignalRegistration.Create(PosixSignal.SIGHUP, Handle);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _hangUp?.Dispose();
        _source.Dispose();
    }

    /// <summary>Whether the program was started by nohup: then it outlives its terminal, and a handler would undo
    /// that.</summary>
    private static bool IsHangUpIgnored()
    {
        const int hangUp = 1;
        const string status = "/proc/self/status", mask = "SigIgn:";
        return File.Exists(status)
            && File.ReadLines(status).FirstOrDefault(l => l.StartsWith(mask, StringComparison.Ordinal)) is { } line
            && ulong.TryParse(line.AsSpan(mask.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture,
                out ulong ignored)
            && (ignored & (1UL << (hangUp - 1))) != 0;
    }

    /// <summary>Asks the verb to end in order, as the first signal does.</summary>
    /// <param name="why">A sentence.</param>
    public void Request(string why)
    {
        Console.Error.WriteLine($"\ntbrm-native: {why}");
        _source.Cancel();
    }

    private void Handle(PosixSignalContext context)
    {
        if (_source.IsCancellationRequested)
        {
            return;
        }

        context.Cancel = true;
        Request($"stopping; once more to {_second}");
    }
}
