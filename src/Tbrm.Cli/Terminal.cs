using System;
using System.IO;

namespace Tbrm.Cli;

/// <summary>The console's streams: the ones that everything is written to, and the ones beneath, for sequences of the
/// program's own.</summary>
internal static class Terminal
{
    /// <summary>stdout as it is; only for text that <see cref="VisibleText"/> went over.</summary>
    public static TextWriter RawOut { get; private set; } = TextWriter.Null;

    /// <summary>stderr as it is; only for text that <see cref="VisibleText"/> went over.</summary>
    public static TextWriter RawError { get; private set; } = TextWriter.Null;

    /// <summary>From here on nothing that is written to <see cref="Console"/> can command the terminal.</summary>
    public static void Guard()
    {
#pragma warning disable CA2000 // The console owns its writers, to the end of the process.
        // A message that cannot be written must not end the program.
        RawError = BestEffortWriter.StandardError();
        Console.SetError(new VisibleWriter(RawError));
        try
        {
            RawOut = Console.Out;
            Console.SetOut(new VisibleWriter(RawOut));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // Started without a stdout: whoever writes to it meets the error.
        }
#pragma warning restore CA2000
    }
}
