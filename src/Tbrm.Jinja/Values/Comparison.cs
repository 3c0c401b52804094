namespace Tbrm.Jinja.Values;

/// <summary>The comparison operators by their symbols.</summary>
internal static class Comparison
{
    /// <summary>left symbol right.</summary>
    public static bool Holds(string symbol, object? left, object? right) => symbol switch
    {
        "==" => PyCompare.AreEqual(left, right),
        "!=" => !PyCompare.AreEqual(left, right),
        "in" => PyCompare.Contains(right, left),
        "not in" => !PyCompare.Contains(right, left),
        _ => Ordered(symbol, PyCompare.Order(left, right, symbol), PyCompare.HasNaN(left, right)),
    };

    private static bool Ordered(string symbol, int order, bool unordered) => !unordered && symbol switch
    {
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        _ => order >= 0,
    };
}
