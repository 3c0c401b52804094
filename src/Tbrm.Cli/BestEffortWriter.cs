using System;
using System.IO;
using System.Text;
using Tbrm.Core.Files;

namespace Tbrm.Cli;

/// <summary>
/// A console stream that nobody has to read: once writing fails (closed, a full disk behind it), what follows is
/// dropped. For what is said
/// beside the work, and is written down elsewhere; results must not go through it.
/// </summary>
/// <param name="inner">The stream.</param>
/// <param name="onFailure">Told once; null for nobody.</param>
internal sealed class BestEffortWriter(TextWriter inner, Action<Exception>? onFailure = null) : TextWriter
{
    private bool _failed;

    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <summary>stderr; nothing, where the process was started without one.</summary>
    public static TextWriter StandardError()
    {
        try
        {
            return new BestEffortWriter(Console.Error);
        }
        catch (Exception e) when (IsFailure(e))
        {
            return Null;
        }
    }

    /// <summary>stdout, whose failure is said on stderr.</summary>
    public static TextWriter StandardOutput()
    {
        void Say(Exception e) =>
            Console.Error.WriteLine(
            $"tbrm-native: nothing more can be written to stdout ({e.Message.TrimEnd('.')}); the run goes on, and its "
                + $"numbers are in metrics.jsonl");

        try
        {
            return new BestEffortWriter(Console.Out, Say);
        }
        catch (Exception e) when (IsFailure(e))
        {
            Say(e);
            return Null;
        }
    }

    /// <inheritdoc/>
    public override void Write(char value) => Try(() => inner.Write(value));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(string? value) => Try(() => inner.Write(value));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush() => Try(inner.Flush);

    private static bool IsFailure(Exception e) =>
        e is IOException or UnauthorizedAccessException or ObjectDisposedException || e.IsDiskFull();

    private void Try(Action write)
    {
        if (_failed)
        {
            return;
        }

        try
        {
            write();
        }
        catch (Exception e) when (IsFailure(e))
        {
            _failed = true;
            onFailure?.Invoke(e);
        }
    }
}
