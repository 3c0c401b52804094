using System;

namespace Tbrm.Core.Errors;

/// <summary>The process exit codes of <c>tbrm-native</c>; scripts rely on them.</summary>
public enum ExitCode
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>A failure of our own that no other code describes.</summary>
    Internal = 1,

    /// <summary>Command line or configuration.</summary>
    Config = 2,

    /// <summary>A data file, a model folder or a tokenizer is missing, malformed or does not fit.</summary>
    Data = 3,

    /// <summary>Host or device memory, or disk space, ran out.</summary>
    OutOfMemory = 4,

    /// <summary>The loss or its gradient stopped being a number for longer than the configured patience.</summary>
    NonFinite = 5,

    /// <summary>Interrupted by the user; the state was saved.</summary>
    Interrupted = 130,
}

/// <summary>
/// A failure whose cause the user can mend. The message says what was expected, what was found, where, and what to try;
/// it is printed without a stack trace and decides the exit code.
/// </summary>
public class TbrmUserException : Exception
{
    /// <summary>Creates one.</summary>
    public TbrmUserException(ExitCode exitCode, string message, Exception? inner = null) : base(message, inner)
    {
        ExitCode = exitCode;
    }

    /// <summary>What the process exits with.</summary>
    public ExitCode ExitCode { get; }
}

/// <summary>A data file, model folder or tokenizer that cannot be used (exit code 3).</summary>
public class DataException(string message, Exception? inner = null) : TbrmUserException(ExitCode.Data, message, inner);

/// <summary>A configuration or command line that cannot be used (exit code 2).</summary>
public sealed class ConfigException(string message, Exception? inner = null)
    : TbrmUserException(ExitCode.Config, message, inner);
