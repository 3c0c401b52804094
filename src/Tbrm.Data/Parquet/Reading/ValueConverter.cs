using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using ParquetSharp;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// Turns a column's values into JSON. Integers and decimals keep every digit; floating point is widened to double, so
/// that
/// reading the text gives the stored value; what JSON has no form for becomes text (dates ISO 8601, NaN, bytes as
/// base64).
/// </summary>
internal static class ValueConverter
{
    private const int Float16Bytes = 2;
    private const int UuidBytes = 16;
    private const int IntervalBytes = 12;

    /// <summary>The conversion of an INT32 column.</summary>
    public static Func<int, JsonNode?> Int32(SchemaNode column)
    {
        if (column.Logical is IntLogicalType { IsSigned: false })
        {
            return value => JsonValue.Create((uint)value);
        }

        Func<long, JsonNode?> wide = Int64(column);
        return value => wide(value);
    }

    /// <summary>The conversion of an INT64 column.</summary>
    public static Func<long, JsonNode?> Int64(SchemaNode column)
    {
        switch (column.Logical)
        {
            case DateLogicalType:
                return value => JsonValue.Create(CalendarText.Date(value));
            case TimeLogicalType { TimeUnit: TimeUnit unit }:
                return value => JsonValue.Create(CalendarText.Time(value, unit));
            case TimestampLogicalType { TimeUnit: TimeUnit unit, IsAdjustedToUtc: bool isUtc }:
                return value => JsonValue.Create(CalendarText.Timestamp(value, unit, isUtc));
            case DecimalLogicalType { Scale: int scale }:
                return value => Decimal(value, scale);
            case IntLogicalType { IsSigned: false }:
                return value => JsonValue.Create((ulong)value);
            case NullLogicalType:
                return _ => null;
            default:
                return value => JsonValue.Create(value);
        }
    }

    /// <summary>Impala's and Spark's timestamps: nanoseconds of the day, then the Julian day.</summary>
    public static JsonNode? Int96(Int96 value) =>
        JsonValue.Create(CalendarText.Julian(value.C, ((long)value.B << 32) | (uint)value.A));

    /// <summary>A number as it is stored; what JSON has no form for as text.</summary>
    public static JsonNode? Real(double value)
    {
        return double.IsFinite(value) ? JsonValue.Create(value)
            : JsonValue.Create(double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }

    /// <summary>The conversion of a BYTE_ARRAY column.</summary>
    public static Func<ByteArray, JsonNode?> ByteArray(SchemaNode column)
    {
        Func<ReadOnlySpan<byte>, JsonNode?> convert = Bytes(column.Logical, -1);
        NativeBytes bytes = new();
        return value => convert(bytes.Copy(value.Pointer, value.Length));
    }

    /// <summary>The conversion of a FIXED_LEN_BYTE_ARRAY column.</summary>
    public static Func<FixedLenByteArray, JsonNode?> FixedBytes(SchemaNode column)
    {
        int width = column.TypeLength;
        Func<ReadOnlySpan<byte>, JsonNode?> convert = Bytes(column.Logical, width);
        NativeBytes bytes = new();
        return value => convert(bytes.Copy(value.Pointer, width));
    }

    /// <param name="logical">What the bytes mean.</param>
    /// <param name="width">How many each value has; negative when that differs.</param>
    private static Func<ReadOnlySpan<byte>, JsonNode?> Bytes(LogicalType logical, int width)
    {
        switch (logical)
        {
            case StringLogicalType or EnumLogicalType:
                return bytes => JsonValue.Create(Text(bytes));
            case JsonLogicalType:
                return bytes => Json(Text(bytes));
            case DecimalLogicalType { Scale: int scale }:
                return bytes => Decimal(new BigInteger(bytes, isUnsigned: false, isBigEndian: true), scale);
            case UuidLogicalType when width == UuidBytes:
                return bytes => JsonValue.Create(new Guid(bytes, bigEndian: true).ToString());
            case Float16LogicalType when width == Float16Bytes:
                return bytes => Real((double)BinaryPrimitives.ReadHalfLittleEndian(bytes));
            case IntervalLogicalType when width == IntervalBytes:
                return bytes => Interval(bytes);
            case NoneLogicalType when width < 0:
                return bytes => Untyped(bytes);
            default:
                return bytes => Base64(bytes);
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        return Utf8.IsValid(bytes) ? System.Text.Encoding.UTF8.GetString(bytes)
            : throw new MalformedException("a text value is not UTF-8");
    }

    private static JsonNode Decimal(BigInteger unscaled, int scale)
    {
        const int MaxScale = 1000;
        if (scale is < -MaxScale or > MaxScale)
        {
            throw new MalformedException($"a decimal with scale {scale}");
        }

        if (scale <= 0)
        {
            return JsonNode.Parse((unscaled * BigInteger.Pow(10, -scale)).ToString(CultureInfo.InvariantCulture))!;
        }

        string digits = BigInteger.Abs(unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        string sign = unscaled.Sign < 0 ? "-" : "";
        return JsonNode.Parse($"{sign}{digits[..^scale]}.{digits[^scale..]}")!;
    }

    private static JsonObject Interval(ReadOnlySpan<byte> value) => new()
    {
        ["months"] = BinaryPrimitives.ReadUInt32LittleEndian(value),
        ["days"] = BinaryPrimitives.ReadUInt32LittleEndian(value[4..]),
        ["millis"] = BinaryPrimitives.ReadUInt32LittleEndian(value[8..]),
    };

    /// <summary>A JSON column gives the value it holds; text that is no JSON stays text.</summary>
    private static JsonNode? Json(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return JsonValue.Create(text);
        }
    }

    /// <summary>Older writers do not mark text as such.</summary>
    private static JsonValue Untyped(ReadOnlySpan<byte> value)
    {
        return Utf8.IsValid(value) ? JsonValue.Create(System.Text.Encoding.UTF8.GetString(value)) : Base64(value);
    }

    private static JsonValue Base64(ReadOnlySpan<byte> value) => JsonValue.Create(Convert.ToBase64String(value));

    /// <summary>A copy of what the native library points to, in a buffer that is used again.</summary>
    private sealed class NativeBytes
    {
        private byte[] _buffer = new byte[256];

        public ReadOnlySpan<byte> Copy(IntPtr pointer, int length)
        {
            if (length > _buffer.Length)
            {
                _buffer = new byte[Math.Max(length, (int)Math.Min(Array.MaxLength, 2L * _buffer.Length))];
            }

            if (length > 0)
            {
                Marshal.Copy(pointer, _buffer, 0, length);
            }

            return _buffer.AsSpan(0, length);
        }
    }
}
