using System;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>Errors of the native Parquet library, in words for users.</summary>
internal static partial class NativeErrors
{
    /// <summary>Whether the exception comes from the library, or from what it was given.</summary>
    public static bool IsNative(Exception e) => e is not (Core.Errors.TbrmUserException or OutOfMemoryException);

    /// <summary>What went wrong.</summary>
    public static string Describe(Exception e)
    {
        Exception cause = e is TypeInitializationException { InnerException: Exception inner } ? inner : e;
        if (cause is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            return "Parquet needs the native library of ParquetSharp, which is not there for "
                + $"{RuntimeInformation.RuntimeIdentifier} ({cause.Message}); "
                + "convert the file to jsonl on another machine";
        }

        Match match = Wrapped().Match(cause.Message);
        return (match.Success ? match.Groups[1].Value : cause.Message).ReplaceLineEndings(" ").Trim();
    }

    /// <summary>C++ exceptions come as their class with their message inside.</summary>
    [GeneratedRegex(@"\(message: '(.*)'\)\s*$", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Wrapped();
}
