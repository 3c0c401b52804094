using System;
using System.IO;
using System.Reflection;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Cli;

/// <summary>What the program says of an exception that ended a verb, and with which code it exits.</summary>
internal static class FailureReport
{
    /// <summary>Writes the sentence to stderr. Only a defect of the program itself comes with its stack.</summary>
    public static ExitCode Write(Exception exception)
    {
        (ExitCode code, string message) = Describe(exception);
        Console.Error.WriteLine($"tbrm-native: {message}");
        return code;
    }

    /// <summary>The exit code and the sentence.</summary>
    public static (ExitCode Code, string Message) Describe(Exception exception)
    {
        Exception cause = Cause(exception);
        return cause switch
        {
            TbrmUserException e => (e.ExitCode, e.Message),
            OperationCanceledException => (ExitCode.Interrupted, "interrupted"),
            DllNotFoundException or BadImageFormatException or EntryPointNotFoundException =>
                (ExitCode.Config, cause.Message),
            _ when cause.IsDiskFull() =>
                (ExitCode.OutOfMemory,
                $"{cause.Message} (no room for what is written: the disk, the quota, or the limit of a file's size, "
                    + $"ulimit -f)"),
            IOException e => (ExitCode.Data, e.Message),
            UnauthorizedAccessException e => (ExitCode.Data, e.Message),
            OutOfMemoryException =>
                (ExitCode.OutOfMemory,
                "the managed heap is full; lower the batch size or the length of responses, or read a smaller file"),
            _ => (ExitCode.Internal, $"a defect of tbrm-native, please report it: {cause}"),
        };
    }

    /// <summary>The exception that was thrown first: parallel loops and static constructors wrap theirs.</summary>
    private static Exception Cause(Exception e) => e switch
    {
        AggregateException { InnerExceptions.Count: > 0 } many => Cause(many.InnerExceptions[0]),
        TypeInitializationException or TargetInvocationException when e.InnerException is not null =>
            Cause(e.InnerException),
        _ => e,
    };
}
