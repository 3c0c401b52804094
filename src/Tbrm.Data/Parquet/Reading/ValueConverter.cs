using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Tbrm.Data.Parquet.Encodings;
using Tbrm.Data.Parquet.Metadata;
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

    /// <summary>The conversion for a leaf.</summary>
    public static Func<ValueDecoder, JsonNode?> Create(SchemaNode column)
    {
        LogicalType logical = column.Logical;
        return column.Type switch
        {
            PhysicalType.Boolean => values => JsonValue.Create(values.NextInteger() != 0),
            PhysicalType.Int32 or PhysicalType.Int64 => Integer(column.Type == PhysicalType.Int32, logical),
            PhysicalType.Float or PhysicalType.Double => values => Real(values.NextReal()),
            PhysicalType.Int96 => values => JsonValue.Create(Int96(values.NextBytes())),
            _ => Bytes(column, logical),
        };
    }

    private static Func<ValueDecoder, JsonNode?> Integer(bool is32Bit, LogicalType logical) => logical.Kind switch
    {
        LogicalKind.Date => values => JsonValue.Create(CalendarText.Date(values.NextInteger())),
        LogicalKind.Time => values => JsonValue.Create(CalendarText.Time(values.NextInteger(), logical.Unit)),
        LogicalKind.Timestamp => values =>
            JsonValue.Create(CalendarText.Timestamp(values.NextInteger(), logical.Unit, logical.IsUtc)),
        LogicalKind.Decimal => values => Decimal(values.NextInteger(), logical.Scale),
        LogicalKind.Integer when !logical.IsSigned && is32Bit => values => JsonValue.Create((uint)values.NextInteger()),
        LogicalKind.Integer when !logical.IsSigned => values => JsonValue.Create((ulong)values.NextInteger()),
        LogicalKind.Null => Discard,
        _ => values => JsonValue.Create(values.NextInteger()),
    };

    private static JsonNode? Discard(ValueDecoder values)
    {
        values.NextInteger();
        return null;
    }

    private static Func<ValueDecoder, JsonNode?> Bytes(SchemaNode column, LogicalType logical)
    {
        int width = column.Type == PhysicalType.FixedLenByteArray ? column.TypeLength : -1;
        return logical.Kind switch
        {
            LogicalKind.String or LogicalKind.Enum => values => JsonValue.Create(values.NextText()),
            LogicalKind.Json => values => Json(values.NextText()),
            LogicalKind.Decimal => values =>
                Decimal(new BigInteger(values.NextBytes(), isUnsigned: false, isBigEndian: true), logical.Scale),
            LogicalKind.Uuid when width == UuidBytes => values =>
                JsonValue.Create(new Guid(values.NextBytes(), bigEndian: true).ToString()),
            LogicalKind.Float16 when width == Float16Bytes => values =>
                Real((double)BinaryPrimitives.ReadHalfLittleEndian(values.NextBytes())),
            LogicalKind.Interval when width == IntervalBytes => values => Interval(values.NextBytes()),
            LogicalKind.None when width < 0 => values => Untyped(values.NextBytes()),
            _ => values => Base64(values.NextBytes()),
        };
    }

    private static JsonValue Real(double value)
    {
        return double.IsFinite(value) ? JsonValue.Create(value)
            : JsonValue.Create(double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
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

    private static string Int96(ReadOnlySpan<byte> value)
    {
        return CalendarText.Julian(BinaryPrimitives.ReadInt32LittleEndian(value[sizeof(long)..]),
            BinaryPrimitives.ReadInt64LittleEndian(value));
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
}
