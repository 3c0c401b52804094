using System;

namespace Tbrm.Jinja;

/// <summary>
/// A template that cannot be read or rendered. The message names the line and what is wrong there; a template's own
/// <c>raise_exception(text)</c> gives that text alone.
/// </summary>
public class JinjaException : Exception
{
    /// <summary>A fault at a line of the template.</summary>
    public JinjaException(string complaint, int line, Exception? inner = null)
        : base($"line {line}: {complaint}", inner)
    {
        Line = line;
        Complaint = complaint;
    }

    /// <summary>A message of the template's own, or a fault whose line is not known yet.</summary>
    public JinjaException(string complaint)
        : base(complaint)
    {
        Complaint = complaint;
    }

    /// <summary>The line of the template, from 1; null when the template raised the exception itself.</summary>
    public int? Line { get; }

    /// <summary>The message without the line.</summary>
    public string Complaint { get; }
}

/// <summary>The template called <c>raise_exception</c>.</summary>
public sealed class JinjaRaisedException(string message) : JinjaException(message);

/// <summary>A fault inside an expression that has yet to learn its line: the Python exception of the same
/// name.</summary>
internal sealed class PyError(string kind, string message) : JinjaException($"{kind}: {message}")
{
    /// <summary>A value of the wrong type.</summary>
    public static PyError Type(string message) => new("TypeError", message);

    /// <summary>A value of the right type that does not fit.</summary>
    public static PyError Value(string message) => new("ValueError", message);

    /// <summary>Something undefined was used.</summary>
    public static PyError Undefined(string message) => new("UndefinedError", message);

    /// <summary>The sandbox forbids it.</summary>
    public static PyError Security(string message) => new("SecurityError", message);

    /// <summary>A limit of <see cref="JinjaLimits"/> is reached.</summary>
    public static PyError Limit(string message) => new("LimitError", message);
}
