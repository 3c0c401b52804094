using System;
using System.Globalization;
using ParquetSharp;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>Dates and times as ISO 8601 text, over the whole range of the stored integers (years beyond 9999 take a
/// sign).</summary>
internal static class CalendarText
{
    private const long DaysPerEra = 146_097;
    private const int YearsPerEra = 400;
    private const long DaysFromEraToEpoch = 719_468;
    private const long SecondsPerDay = 86_400;

    /// <summary>A day counted from 1970-01-01, in the proleptic Gregorian calendar.</summary>
    public static string Date(long day)
    {
        // Hinnant's algorithm (chrono-compatible date algorithms): years begin in March, so leap days come last.
        long shifted = day + DaysFromEraToEpoch;
        long era = Math.DivRem(shifted, DaysPerEra, out long dayOfEra);
        if (dayOfEra < 0)
        {
            era--;
            dayOfEra += DaysPerEra;
        }

        long yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        long dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        long month = ((5 * dayOfYear) + 2) / 153;
        long dayOfMonth = dayOfYear - (((153 * month) + 2) / 5) + 1;
        long civilMonth = month < 10 ? month + 3 : month - 9;
        long year = yearOfEra + (era * YearsPerEra) + (civilMonth <= 2 ? 1 : 0);
        string yearText = year is >= 0 and <= 9999
            ? year.ToString("0000", CultureInfo.InvariantCulture)
            : year.ToString("+0000;-0000", CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{yearText}-{civilMonth:00}-{dayOfMonth:00}");
    }

    /// <summary>A time of day, in units of the given decimals of a second.</summary>
    public static string Time(long value, TimeUnit unit)
    {
        long perSecond = UnitsPerSecond(unit);
        long seconds = Math.DivRem(value, perSecond, out long fraction);
        if (fraction < 0)
        {
            seconds--;
            fraction += perSecond;
        }

        string text = string.Create(
            CultureInfo.InvariantCulture, $"{seconds / 3600:00}:{seconds / 60 % 60:00}:{seconds % 60:00}");
        return fraction == 0 ? text
            : $"{text}.{fraction.ToString(CultureInfo.InvariantCulture).PadLeft(Decimals(unit), '0')}";
    }

    /// <summary>Units since 1970-01-01T00:00:00; an instant ends with Z, a wall clock's reading does not.</summary>
    public static string Timestamp(long value, TimeUnit unit, bool isUtc)
    {
        long perDay = SecondsPerDay * UnitsPerSecond(unit);
        long day = Math.DivRem(value, perDay, out long rest);
        if (rest < 0)
        {
            day--;
            rest += perDay;
        }

        return $"{Date(day)}T{Time(rest, unit)}{(isUtc ? "Z" : "")}";
    }

    /// <summary>
    /// INT96 as Impala and Spark write it: nanoseconds of the day, and the Julian day. Spark counts microseconds in 64
    /// bits
    /// on the way, so dates beyond its range are wrapped around in the file, and are unwrapped here.
    /// </summary>
    public static string Julian(int julianDay, long nanosOfDay)
    {
        const long JulianDayOfEpoch = 2_440_588;
        const long MicrosPerDay = SecondsPerDay * 1_000_000;
        const long NanosPerMicro = 1_000;
        long micros = Math.DivRem(nanosOfDay, NanosPerMicro, out long nanos);
        if (nanos < 0)
        {
            micros--;
            nanos += NanosPerMicro;
        }

        long total = unchecked(((julianDay - JulianDayOfEpoch) * MicrosPerDay) + micros);
        long day = Math.DivRem(total, MicrosPerDay, out long rest);
        if (rest < 0)
        {
            day--;
            rest += MicrosPerDay;
        }

        return $"{Date(day)}T{Time((rest * NanosPerMicro) + nanos, TimeUnit.Nanos)}";
    }

    private static long UnitsPerSecond(TimeUnit unit) => unit switch
    {
        TimeUnit.Millis => 1_000,
        TimeUnit.Micros => 1_000_000,
        _ => 1_000_000_000,
    };

    private static int Decimals(TimeUnit unit) => unit switch
    {
        TimeUnit.Millis => 3,
        TimeUnit.Micros => 6,
        _ => 9,
    };
}
