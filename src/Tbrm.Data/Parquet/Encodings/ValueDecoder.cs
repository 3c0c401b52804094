using System;
using System.Text;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>
/// The values of a page, one after another. Which method works depends on the physical type: integers and booleans,
/// floating point, or bytes; a span is valid until the next call.
/// </summary>
internal abstract class ValueDecoder
{
    private static readonly UTF8Encoding s_strictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Bytes given so far that the page itself does not hold, as they come from a dictionary.</summary>
    public long RepeatedBytes { get; protected set; }

    /// <summary>BOOLEAN, INT32, INT64.</summary>
    public virtual long NextInteger() => throw WrongType("integers");

    /// <summary>FLOAT, DOUBLE.</summary>
    public virtual double NextReal() => throw WrongType("floating-point numbers");

    /// <summary>BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY, INT96.</summary>
    public virtual ReadOnlySpan<byte> NextBytes() => throw WrongType("byte arrays");

    /// <summary>As <see cref="NextBytes"/>, as UTF-8 text.</summary>
    public virtual string NextText() => ToText(NextBytes());

    protected static string ToText(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return s_strictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new MalformedException("a text value is not UTF-8", e);
        }
    }

    private MalformedException WrongType(string what) =>
        new($"the encoding {GetType().Name.Replace("Decoder", "", StringComparison.Ordinal)} does not hold {what}");
}
