using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Interop.Handles;
using Tbrm.Testing;

namespace Tbrm.Engine.Tests.Boundary;

/// <summary>The binding is held to the header's text, and the structs to what the compiler made of them.</summary>
public sealed partial class AbiTests
{
    private static readonly Type s_methods = typeof(ContextHandle).Assembly.GetType("Tbrm.Interop.NativeMethods")!;

    private static string Header => File.ReadAllText(Repository.PathOf("native", "include", "tbrm", "tbrm.h"));

    [Test]
    public void Version_matches()
    {
        int inHeader = int.Parse(Regex.Match(Header, @"#define TBRM_ABI_VERSION (\d+)").Groups[1].Value);
        Assert.That(NativeMethods.tbrm_abi_version(), Is.EqualTo(inHeader));
        Assert.That(NativeMethods.AbiVersion, Is.EqualTo(inHeader));
    }

    [Test]
    public void Struct_layout_is_what_the_library_was_built_with()
    {
        unsafe
        {
            string native = Marshal.PtrToStringUTF8((nint)NativeMethods.tbrm_abi_layout())!;
            string managed = string.Join(
                ';', native.Split(';')
                .Select(line => Layout(StructOf(line[..line.IndexOf(':')]), line[..line.IndexOf(':')])));
            Assert.That(managed, Is.EqualTo(native));
            Assert.That(native.Split(';'), Has.Length.EqualTo(Regex.Count(Header, @"typedef struct tbrm_\w+ \{")));
        }
    }

    [Test]
    public void Every_declaration_in_the_header_has_one_binding_with_the_same_signature()
    {
        string header = CComment().Replace(Header, "");
        string[] inHeader = [.. Declaration().Matches(header)
            .Select(m => Canonical(m.Groups["ret"].Value, m.Groups["name"].Value, m.Groups["args"].Value))];
        string[] inCSharp = [.. s_methods.GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
            .Where(m => m.Name.StartsWith("tbrm_", StringComparison.Ordinal)).Select(Canonical)];
        Assert.That(inHeader, Has.Length.GreaterThan(40));
        Assert.That(inCSharp, Is.EqualTo(inHeader).AsCollection);
    }

    [Test]
    public void The_library_exports_every_declaration()
    {
        _ = LibraryLoader.BuildInfo;
        nint library = NativeLibrary.Load(LibraryLoader.LoadedPath!);
        try
        {
            string[] missing = [.. Declaration().Matches(CComment().Replace(Header, ""))
                .Select(m => m.Groups["name"].Value)
                .Where(name => !NativeLibrary.TryGetExport(library, name, out _))];
            Assert.That(missing, Is.Empty);
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }

    [TestCaseSource(nameof(Enums))]
    public void Enum_values_are_the_headers(string prefix, Type type)
    {
        Dictionary<string, int> inHeader = [];
        foreach (Match m in Regex.Matches(CComment().Replace(Header, ""), prefix + @"_([A-Z0-9_]+) = (\d+)"))
        {
            inHeader.Add(Pascal(m.Groups[1].Value.ToLowerInvariant()), int.Parse(m.Groups[2].Value));
        }

        Dictionary<string, int> inCSharp = Enum.GetValues(type).Cast<object>()
            .ToDictionary(v => v.ToString()!, v => (int)v);
        Assert.That(inCSharp, Is.EquivalentTo(inHeader));
    }

    /// <summary>No status may be dropped: outside NativeError.ThrowIfFailed(...) no status-returning binding is
    /// called.</summary>
    [Test]
    public void Every_status_goes_through_the_one_door()
    {
        foreach (string file in Directory.EnumerateFiles(
            Repository.PathOf("src", "Tbrm.Interop"), "*.cs", SearchOption.AllDirectories))
        {
            if (Path.GetFileName(file) == "NativeMethods.cs")
            {
                continue;
            }

            string text = File.ReadAllText(file);
            foreach (Match call in Regex.Matches(text, @"NativeMethods\.(tbrm_\w+)\("))
            {
                MethodInfo method = s_methods.GetMethod(
                    call.Groups[1].Value, BindingFlags.Static | BindingFlags.NonPublic)!;
                if (method.ReturnType == typeof(TbrmStatus))
                {
                    string before = text[..call.Index].TrimEnd();
                    Assert.That(before.EndsWith("NativeError.ThrowIfFailed(", StringComparison.Ordinal), Is.True,
                        $"{Path.GetFileName(file)}: {call.Value}");
                }
            }
        }
    }

    private static IEnumerable<TestCaseData> Enums()
    {
        yield return new("TBRM_STATUS", typeof(TbrmStatus));
        yield return new("TBRM_DEVICE_KIND", typeof(DeviceKind));
        yield return new("TBRM_DTYPE", typeof(Dtype));
        yield return new("TBRM_HEAD_KIND", typeof(HeadKind));
        yield return new("TBRM_TENSOR_KIND", typeof(TensorKind));
        yield return new("TBRM_ADAPTER_TARGET", typeof(AdapterTargets));
        yield return new("TBRM_FINISH_REASON", typeof(FinishReason));
        yield return new("TBRM_RESIDUAL_KIND", typeof(ResidualKind));
        yield return new("TBRM_MOMENT", typeof(Moment));
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex CComment();

    [GeneratedRegex(@"^TBRM_API\((?<ret>[^)]*)\)\s+(?<name>tbrm_\w+)\((?<args>[^)]*)\)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    // Both sides are mapped to one small set of words: values by width, pointers by pointee, structs and handles by
    // name.
    private static string Canonical(string ret, string name, string args)
    {
        string[] types = args.Trim() == "void" ? []
            : [.. args.Split(',').Select(a => FromC(Regex.Replace(a.Trim(), @"\w+$", "")))];
        return $"{FromC(ret)} {name}({string.Join(", ", types)})";
    }

    private static string FromC(string type)
    {
        string bare = Regex.Replace(type.Replace("const", "", StringComparison.Ordinal), @"\s+", "");
        string stem = bare.TrimEnd('*');
        string word = stem switch
        {
            "int32_t" => "i32",
            "int64_t" => "i64",
            "uint64_t" => "u64",
            "float" => "f32",
            "double" => "f64",
            "char" or "uint8_t" => "u8",
            _ when stem.StartsWith("tbrm_", StringComparison.Ordinal)
                && stem.EndsWith("_t", StringComparison.Ordinal) => stem[5..^2],
            _ => stem,
        };
        return word + bare[stem.Length..];
    }

    private static string Canonical(MethodInfo method) =>
        $"{FromManaged(method.ReturnType)} {method.Name}("
            + $"{string.Join(", ", method.GetParameters().Select(p => FromManaged(method, p)))})";

    /// <summary>What is destroyed, and arrays of handles, are bare pointers whose names say of what.</summary>
    private static string FromManaged(MethodInfo method, ParameterInfo parameter) =>
        method.Name.EndsWith("_destroy", StringComparison.Ordinal) ? parameter.Name + "*"
        : parameter.ParameterType == typeof(nint).MakePointerType()
            ? Snake(parameter.Name!["out".Length..].TrimEnd('s')) + "**"
        : FromManaged(parameter.ParameterType);

    private static string FromManaged(Type type)
    {
        if (type.IsByRef)
        {
            Type target = type.GetElementType()!;
            return FromManaged(target) + "*";
        }

        if (type.IsPointer)
        {
            return FromManaged(type.GetElementType()!) + "*";
        }

        if (typeof(NativeHandle).IsAssignableFrom(type))
        {
            return Snake(type.Name[..^"Handle".Length]) + "*";
        }

        return type.Name switch
        {
            "Void" => "void",
            "Int32" => "i32",
            "Int64" => "i64",
            "UInt64" => "u64",
            "Single" => "f32",
            "Double" => "f64",
            "Byte" => "u8",
            "TbrmStatus" => "status",
            _ when type.Name.StartsWith("Native", StringComparison.Ordinal) => Snake(type.Name["Native".Length..]),
            _ => Snake(type.Name),
        };
    }

    private static Type StructOf(string name) =>
        typeof(ContextHandle).Assembly.GetType("Tbrm.Interop.Native" + Pascal(name["tbrm_".Length..]))
        ?? throw new InvalidOperationException($"no managed struct for {name}");

    private static string Layout(Type type, string name)
    {
        FieldInfo[] fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        return $"{name}:{Marshal.SizeOf(type)},{string.Join(',', fields.Select(f => Marshal.OffsetOf(type, f.Name)))}";
    }

    private static string Pascal(string snake) =>
        string.Concat(snake.Split('_').Select(w => char.ToUpperInvariant(w[0]) + w[1..]));

    private static string Snake(string pascal)
    {
        StringBuilder text = new();
        foreach (char c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
