using System.Runtime.InteropServices;

namespace Tbrm.Interop.Handles;

/// <summary>
/// Owns one native handle: freed once, by Dispose or by the finalizer, and never while a call is using it. The native
/// side keeps what a
/// handle depends on alive, so handles may be disposed in any order.
/// </summary>
public abstract class NativeHandle() : SafeHandle(invalidHandleValue: 0, ownsHandle: true)
{
    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;
}
