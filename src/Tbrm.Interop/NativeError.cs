using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Tbrm.Interop;

/// <summary>tbrm_error_t. Blittable: 512 bytes, filled by native code, read before the frame ends.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeError
{
    public int Code;
    public int DeviceCode;
    public fixed byte Where[120];
    public fixed byte Message[384];

    /// <summary>The one door: every status-returning call passes through here.</summary>
    public static void ThrowIfFailed(TbrmStatus status, in NativeError err)
    {
        if (status == TbrmStatus.Ok)
        {
            return;
        }

        fixed (byte* where = err.Where, message = err.Message)
        {
            throw new TbrmNativeException(status, err.DeviceCode, Utf8(where), Utf8(message));
        }
    }

    private static string Utf8(byte* text) =>
        Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
}

/// <summary>A failed native call: what the native side said, and where it said it.</summary>
public sealed class TbrmNativeException(TbrmStatus status, int deviceCode, string where, string message)
    : Exception(deviceCode == 0 ? $"{message} [{status}, {where}]" : $"{message} [{status} {deviceCode}, {where}]")
{
    /// <summary>What kind of failure.</summary>
    public TbrmStatus Status { get; } = status;

    /// <summary>errno or cudaError_t, by <see cref="Status"/>; else 0.</summary>
    public int DeviceCode { get; } = deviceCode;

    /// <summary>Source file and line of the native library.</summary>
    public string Where { get; } = where;

    /// <summary>The message without status and place.</summary>
    public string Detail { get; } = message;
}
