using System;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Tbrm.Torch;

/// <summary>
/// Runs what uses TorchSharp while no garbage is collected. TorchSharp hands the address of a number (a Scalar) to
/// native code without keeping the number alive: a collection at that moment frees it in use, and the operation fails
/// or, worse, reads another number. So collections are kept off, and a result during which one happened all the same is
/// thrown away.
/// </summary>
internal static class QuietCompute
{
    /// <summary>Other threads may end the quiet; so often in a row they hardly can.</summary>
    private const int Attempts = 20;

    private const long SmallObjects = 16 << 20;

    /// <summary>The result of an undisturbed call.</summary>
    /// <param name="body">Has no effect but its result.</param>
    /// <param name="bytes">What it allocates, about.</param>
    public static T Run<T>(Func<T> body, long bytes)
    {
        for (int attempt = 1; ; attempt++)
        {
            int before = GC.CollectionCount(0);
            bool isQuiet = Begin(bytes);
            before = isQuiet ? GC.CollectionCount(0) : before;
            try
            {
                T result = body();
                if (GC.CollectionCount(0) == before)
                {
                    return result;
                }
            }
            catch (ExternalException) when (GC.CollectionCount(0) != before)
            {
                // Made again.
            }
            finally
            {
                if (isQuiet && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
                {
                    GC.EndNoGCRegion();
                }
            }

            if (attempt == Attempts)
            {
                throw new InvalidOperationException(
                    $"garbage was collected during each of {Attempts} evaluations; other threads allocate too much for "
                        + "TorchSharp to compute beside them");
            }
        }
    }

    /// <summary>Keeps collections off until so many bytes are allocated; false where the runtime cannot.</summary>
    private static bool Begin(long bytes)
    {
        try
        {
            return GCSettings.LatencyMode != GCLatencyMode.NoGCRegion && GC.TryStartNoGCRegion(SmallObjects + bytes);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or InvalidOperationException)
        {
            return false;
        }
    }
}
