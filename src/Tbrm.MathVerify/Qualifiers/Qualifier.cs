using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Tbrm.MathVerify.Qualifiers;

/// <summary>A unit, to a power: cm^2, per hour.</summary>
/// <param name="Meanings">What the word may stand for.</param>
/// <param name="Power">2 for square feet; negative behind "per".</param>
internal sealed record UnitFactor(string[] Meanings, int Power)
{
    /// <summary>Whether it is "units" of no name.</summary>
    public bool IsAny => Meanings.Contains(UnitTable.AnyUnit);

    /// <summary>Lengths to the power that a unit stands for: 2 of an acre or square units, 3 of a litre; 0 of what
    /// measures something else.</summary>
    private int Lengths => Meanings.Select(m => UnitTable.KindOf(m) switch
    {
        "length" or "any" => Power,
        "area" => 2 * Power,
        "volume" => 3 * Power,
        _ => 0,
    }).FirstOrDefault(power => power != 0);

    /// <summary>Whether both may stand for the same unit to the same power. Square units are no cubic centimetres, but
    /// they may be anything that is no length.</summary>
    public bool Agrees(UnitFactor other) => IsAny || other.IsAny
        ? Lengths == other.Lengths || Lengths == 0 || other.Lengths == 0 : Power == other.Power && Shares(other);

    public bool Shares(UnitFactor other) => Meanings.Intersect(other.Meanings).Any();

    /// <summary>Cubic centimetres are millilitres, cubic decimetres litres.</summary>
    public UnitFactor AsVolume() => Math.Abs(Power) != 3 ? this
        : Meanings.Contains("length:cm") ? new(["volume:ml"], Math.Sign(Power))
        : Meanings.Contains("length:dm") ? new(["volume:l"], Math.Sign(Power)) : this;

    public bool SharesKind(UnitFactor other) => Meanings.Select(UnitTable.KindOf)
        .Intersect(other.Meanings.Select(UnitTable.KindOf)).Any();
}

/// <summary>A further number behind the first: 3 inches of 2 feet 3 inches.</summary>
internal sealed record FurtherNumber(string Digits, IReadOnlyList<UnitFactor> Units)
{
    public double Value =>
        double.TryParse(Digits.Replace(",", "", StringComparison.Ordinal), NumberStyles.Float,
        CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
}

/// <summary>What stands beside an answer's number and is cut off before numbers are compared.</summary>
internal sealed record Qualifier
{
    public static readonly Qualifier None = new();

    /// <summary>Units of the number, in written order.</summary>
    public IReadOnlyList<UnitFactor> Units { get; init; } = [];

    /// <summary>am, north, increase, million: by kind.</summary>
    public IReadOnlyDictionary<string, string[]> Tags { get; init; } = new Dictionary<string, string[]>();

    /// <summary>Numbers behind the first.</summary>
    public IReadOnlyList<FurtherNumber> Further { get; init; } = [];

    /// <summary>Bases of numbers, as 8 in 52_8.</summary>
    public IReadOnlyList<string> Bases { get; init; } = [];

    /// <summary>A time of the day as written, 5:30; null for none.</summary>
    public string? Clock { get; init; }

    /// <summary>"is wrong" stands behind the number.</summary>
    public bool IsDenied { get; init; }

    private bool IsEmpty => Units.Count == 0 && Tags.Count == 0;

    /// <summary>
    /// Whether the answer's qualifier says something else than the gold's. Where only one of them has one, they agree:
    /// 2 is right for 2 dollars.
    /// </summary>
    public bool Contradicts(Qualifier answer)
    {
        return (answer.IsDenied && !IsDenied) || DifferentBases(answer) || DifferentTags(answer)
            || DifferentUnits(answer) || DifferentFurther(answer);
    }

    private bool DifferentBases(Qualifier other) => Bases.Count > 0 && Bases.Count == other.Bases.Count
        && !Bases.SequenceEqual(other.Bases);

    private bool DifferentTags(Qualifier other)
    {
        foreach ((string kind, string[] meanings) in Tags)
        {
            if (other.Tags.TryGetValue(kind, out string[]? others) && !meanings.Intersect(others).Any())
            {
                return true;
            }
        }

        // 5 dollars are not 5 million dollars; a bare 5 may be short for them.
        bool scaled = Tags.ContainsKey("multiplier"), otherScaled = other.Tags.ContainsKey("multiplier");
        bool timed = Tags.ContainsKey("meridiem") || other.Tags.ContainsKey("meridiem");
        return (scaled != otherScaled && !IsEmpty && !other.IsEmpty)
            || (timed && Clock is not null && other.Clock is not null && Clock != other.Clock);
    }

    private bool DifferentUnits(Qualifier other)
    {
        // What a number is counted per is often left out.
        return Differ([.. Units.Where(u => u.Power > 0)], [.. other.Units.Where(u => u.Power > 0)])
            || Differ([.. Units.Where(u => u.Power < 0)], [.. other.Units.Where(u => u.Power < 0)]);
    }

    private static bool Differ(List<UnitFactor> left, List<UnitFactor> right)
    {
        if (left.Count == 0 || right.Count == 0)
        {
            return false;
        }

        // In any order: foot-pounds, pound-feet.
        List<UnitFactor> unmatched = right.ConvertAll(u => u.AsVolume());
        return left.Count != right.Count
            || !left.ConvertAll(u => u.AsVolume())
                .TrueForAll(unit => unmatched.Find(u => u.Agrees(unit)) is { } match && unmatched.Remove(match));
    }

    private bool DifferentFurther(Qualifier other)
    {
        List<FurtherNumber> left = [.. Further.Where(f => f.Value != 0)],
            right = [.. other.Further.Where(f => f.Value != 0)];
        if (left.Count > 0 && right.Count > 0)
        {
            return left.Count != right.Count
                || left.Zip(right)
                .Any(pair => pair.First.Value != pair.Second.Value
                || Differ([.. pair.First.Units], [.. pair.Second.Units]));
        }

        // 2 feet are not 2 feet 3 inches; but 3 of 4 apples may be explained on one side only.
        return IsCompound(this, left) || IsCompound(other, right);
    }

    private static bool IsCompound(Qualifier qualifier, List<FurtherNumber> further) =>
        further.Exists(f => f.Units is [{ } unit, ..] && qualifier.Units is [{ } first, ..] && first.SharesKind(unit)
            && !first.Shares(unit) && first.Power == unit.Power);
}
