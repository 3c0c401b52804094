using System.Text;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The checkpoint stage: safetensors files. Contract: tbrm.h, section "checkpoint".</summary>
public static unsafe class WeightFiles
{
    /// <summary>Reads what the file holds of the model's tensors; returns how many that were.</summary>
    public static long Load(ModelHandle model, string path)
    {
        long found = 0;
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_load_weights(
                model, utf8, &found, out NativeError err), err);
        }

        return found;
    }

    /// <summary>Names of the tensors that no file has filled yet.</summary>
    public static string[] Missing(ModelHandle model)
    {
        byte[] text = new byte[64 * 1024];
        long missing;
        fixed (byte* p = text)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_missing(
                model, text.Length, p, &missing, out NativeError err), err);
        }

        int end = System.Array.IndexOf(text, (byte)0);
        return missing == 0 ? [] : Encoding.UTF8.GetString(text, 0, end).Split('\n');
    }

    /// <summary>Writes tensors [first, first + count) of the model's list.</summary>
    public static void Save(ModelHandle model, string path, int first, int count)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_checkpoint_save_weights(model, utf8, first, count, out NativeError err), err);
        }
    }

    /// <summary>Writes the adapter's A and B under PEFT's names, fp32.</summary>
    public static void SaveAdapter(ModelHandle model, string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_save_adapter(model, utf8, out NativeError err),
                err);
        }
    }

    /// <summary>Reads the adapter's A and B; the file must hold exactly those of the model.</summary>
    public static void LoadAdapter(ModelHandle model, string path)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(path))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_checkpoint_load_adapter(model, utf8, out NativeError err),
                err);
        }
    }
}
