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

    /// <summary>Whether people read stdout as it is written.</summary>
    public static bool IsWatched => !Console.IsOutputRedirected;

    /// <summary>Whether colours are wanted on a terminal: NO_COLOR is not set.</summary>
    public static bool HasColours => string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not "dumb";

    /// <summary>Columns of the terminal; 80 where they are not known.</summary>
    public static int Width()
    {
        try
        {
            return Console.WindowWidth is > 0 and int columns ? columns : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }

    /// <summary>Columns for text on stdout: the terminal's, or of a page where it goes to a file.</summary>
    public static int TextWidth => IsWatched ? Width() : 120;

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
