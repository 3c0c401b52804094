using System;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>Gives native failures the exit code that their cause deserves.</summary>
internal static class NativeFailures
{
    /// <summary>The user's exception for a native one; <paramref name="doing"/> says what was attempted.</summary>
    public static TbrmUserException ToUser(this TbrmNativeException e, string doing)
    {
        ExitCode code = e.Status switch
        {
            TbrmStatus.OutOfMemory => ExitCode.OutOfMemory,
            TbrmStatus.BadFile => ExitCode.Data,
            TbrmStatus.Io => DiskFull.IsErrno(e.DeviceCode) ? ExitCode.OutOfMemory : ExitCode.Data,
            TbrmStatus.Unsupported => ExitCode.Config,
            // The code that the rank gave which failed.
            TbrmStatus.Group when Enum.IsDefined((ExitCode)e.DeviceCode) => (ExitCode)e.DeviceCode,
            _ => ExitCode.Internal,
        };
        return e.Status == TbrmStatus.Group ? new(code, e.Detail, e)
            : new(code, $"{doing}: {e.Detail}{(code == ExitCode.Internal ? $" [{e.Status}, {e.Where}]" : "")}", e);
    }

    /// <summary>Runs a native call and translates what it throws.</summary>
    public static T Translated<T>(string doing, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser(doing);
        }
    }

    /// <summary>Runs a native call and translates what it throws.</summary>
    public static void Translated(string doing, Action call) => Translated(doing, () =>
    {
        call();
        return 0;
    });
}
