using System;
using System.Buffers.Binary;
using System.Diagnostics;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Tbrm.Torch.Tests;

/// <summary>
/// TorchSharp on a system whose libstdc++ is older than GCC 13's: the one function that it lacks comes from shim.cpp,
/// and the version that libLibTorchSharp.so asks for is marked as one that may be missing, in the copy beside the
/// tests. For tests alone.
/// </summary>
internal static partial class OldLibstdcxx
{
    private const string Version = "GLIBCXX_3.4.32", Bindings = "libLibTorchSharp.so";
    private const int Now = 2, Global = 0x100;
    private const uint VersionNeeds = 0x6ffffffe;
    private const ushort Weak = 2;

#pragma warning disable CA2255 // Before any test, and before TorchSharp loads.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Load()
    {
        string folder = AppContext.BaseDirectory, path = Path.Combine(folder, Bindings);
        if (!File.Exists(path) || Loads(path, out string reason) || !reason.Contains(Version, StringComparison.Ordinal))
        {
            return;
        }

        string shim = Path.Combine(folder, "libstdcxx_shim.so");
        Compile(folder, shim);
        byte[] weakened = Weakened(File.ReadAllBytes(path));
        // It may be a link to the package's file, which stays as it is.
        File.Delete(path);
        File.WriteAllBytes(path, weakened);
        if (Open(shim, Now | Global) == 0)
        {
            throw new InvalidOperationException($"{shim} does not load");
        }
    }

    private static bool Loads(string path, out string reason)
    {
        try
        {
            NativeLibrary.Free(NativeLibrary.Load(path));
            reason = "";
            return true;
        }
        catch (DllNotFoundException e)
        {
            reason = e.Message;
            return false;
        }
    }

    private static void Compile(string folder, string shim)
    {
        using Process compiler = Process.Start("g++",
            ["-shared", "-fPIC", "-O1", "-o", shim, Path.Combine(folder, "shim.cpp"),
                "-Wl,--version-script=" + Path.Combine(folder, "shim.map")]);
        compiler.WaitForExit();
        if (compiler.ExitCode != 0)
        {
            throw new InvalidOperationException("shim.cpp does not compile");
        }
    }

    /// <summary>An ELF64 file in which the version is weak: section .gnu.version_r, flags of the auxiliary
    /// entry.</summary>
    private static byte[] Weakened(byte[] elf)
    {
        Span<byte> all = elf;
        ulong Word(Span<byte> of, int at) => BinaryPrimitives.ReadUInt64LittleEndian(of[at..]);
        uint Half(Span<byte> of, int at) => BinaryPrimitives.ReadUInt32LittleEndian(of[at..]);
        ushort Short(Span<byte> of, int at) => BinaryPrimitives.ReadUInt16LittleEndian(of[at..]);
        int headers = (int)Word(all, 40), size = Short(all, 58), count = Short(all, 60);
        for (int s = 0; s < count; s++)
        {
            Span<byte> header = all.Slice(headers + s * size, size);
            if (Half(header, 4) != VersionNeeds)
            {
                continue;
            }

            int strings = (int)Word(all, headers + (int)Half(header, 40) * size + 24);
            for (int need = (int)Word(header, 24), next = 1; next != 0; need += next)
            {
                next = (int)Half(all, need + 12);
                for (int aux = need + (int)Half(all, need + 8), k = Short(all, need + 2); k > 0; k--)
                {
                    Span<byte> name = all[(strings + (int)Half(all, aux + 8))..];
                    if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == Version)
                    {
                        ushort flags = Short(all, aux + 4);
                        BinaryPrimitives.WriteUInt16LittleEndian(all[(aux + 4)..], (ushort)(flags | Weak));
                    }

                    aux += (int)Half(all, aux + 12);
                }
            }
        }

        return elf;
    }

    [LibraryImport("libc.so.6", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Open(string path, int flags);
}
