using System.Globalization;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The attribute argument of filters: a dotted path, whose whole numbers are indices.</summary>
internal static class AttributePath
{
    /// <summary>The value at the path.</summary>
    public static object? Get(object? item, object? path, object? fallback = null)
    {
        if (!PyType.IsText(path, out string text))
        {
            return Step(item, path, fallback);
        }

        foreach (string part in text.Split('.'))
        {
            bool isIndex = long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long index);
            item = Step(item, isIndex ? index : part, fallback);
        }

        return item;
    }

    private static object? Step(object? item, object? key, object? fallback)
    {
        object? value = PyAccess.Item(item, key);
        return value is Undefined && fallback != null ? fallback : value;
    }
}
