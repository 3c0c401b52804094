namespace Tbrm.Data.Parquet.Metadata;

/// <summary>A logical type with its parameters; those that do not belong to the kind keep their defaults.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Scale">Decimal: digits after the point.</param>
/// <param name="Precision">Decimal: digits in all.</param>
/// <param name="Unit">Time, timestamp.</param>
/// <param name="IsUtc">Timestamp: an instant (true) or a wall clock's reading.</param>
/// <param name="IsSigned">Integer.</param>
/// <param name="BitWidth">Integer: 8, 16, 32 or 64.</param>
internal sealed record LogicalType(
    LogicalKind Kind, int Scale = 0, int Precision = 0, TimeUnit Unit = TimeUnit.Millis, bool IsUtc = false,
        bool IsSigned = true, int BitWidth = 0)
{
    public static readonly LogicalType None = new(LogicalKind.None);

    /// <summary>The logical type that an older file's converted type stands for.</summary>
    public static LogicalType FromConverted(int convertedType, int scale, int precision) => convertedType switch
    {
        0 => new(LogicalKind.String),
        1 or 2 => new(LogicalKind.Map),
        3 => new(LogicalKind.List),
        4 => new(LogicalKind.Enum),
        5 => new(LogicalKind.Decimal, scale, precision),
        6 => new(LogicalKind.Date),
        7 => new(LogicalKind.Time, Unit: TimeUnit.Millis, IsUtc: true),
        8 => new(LogicalKind.Time, Unit: TimeUnit.Micros, IsUtc: true),
        9 => new(LogicalKind.Timestamp, Unit: TimeUnit.Millis, IsUtc: true),
        10 => new(LogicalKind.Timestamp, Unit: TimeUnit.Micros, IsUtc: true),
        >= 11 and <= 14 => new(LogicalKind.Integer, IsSigned: false, BitWidth: 8 << (convertedType - 11)),
        >= 15 and <= 18 => new(LogicalKind.Integer, IsSigned: true, BitWidth: 8 << (convertedType - 15)),
        19 => new(LogicalKind.Json),
        20 => new(LogicalKind.Bson),
        21 => new(LogicalKind.Interval),
        _ => new(LogicalKind.Other),
    };
}
