using System.Globalization;
using System.Text.Json.Nodes;

namespace Tbrm.Data.Json;

/// <summary>Reading JSON numbers, whether they were parsed or made from a number of any type.</summary>
internal static class JsonNumbers
{
    /// <summary>The number as a 64-bit integer; false when it has a fraction, or does not fit.</summary>
    public static bool TryGetInteger(JsonNode number, out long value)
    {
        return number.AsValue().TryGetValue(out value)
            || long.TryParse(number.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out value);
    }

    /// <summary>The nearest double.</summary>
    public static double GetReal(JsonNode number)
    {
        return number.AsValue().TryGetValue(out double value) ? value
            : double.Parse(number.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture);
    }
}
