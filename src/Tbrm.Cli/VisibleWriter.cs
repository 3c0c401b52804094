using System;
using System.IO;
using System.Text;

namespace Tbrm.Cli;

/// <summary>A console stream on which control characters are made visible (<see cref="VisibleText"/>): every message
/// and every table passes here.</summary>
internal sealed class VisibleWriter(TextWriter inner) : TextWriter
{
    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => inner.Write(VisibleText.Of(value.ToString()));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) =>
        inner.Write(VisibleText.Of(new string(buffer, index, count)));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => inner.Write(VisibleText.Of(new string(buffer)));

    /// <inheritdoc/>
    public override void Write(string? value) => inner.Write(value is null ? null : VisibleText.Of(value));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => inner.WriteLine(value is null ? null : VisibleText.Of(value));

    /// <inheritdoc/>
    public override void Flush() => inner.Flush();
}
