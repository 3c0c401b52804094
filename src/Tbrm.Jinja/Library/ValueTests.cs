using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>Jinja's tests.</summary>
internal static class ValueTests
{
    /// <summary>By name.</summary>
    public static IReadOnlyDictionary<string, ValueTest> All { get; } = Build();

    private static Dictionary<string, ValueTest> Build()
    {
        Dictionary<string, ValueTest> tests = new()
        {
            ["boolean"] = (_, v, _) => v is bool,
            ["callable"] = (_, v, _) => PyType.IsCallable(v),
            ["defined"] = (_, v, _) => v is not Undefined,
            ["divisibleby"] = (_, v, a) => IsZero(PyOperators.Binary("%", v, a.Bind("divisibleby", 1, "num")[0])),
            ["escaped"] = (_, v, _) => v is PyMarkup,
            ["even"] = (_, v, _) => IsZero(PyOperators.Binary("%", v, 2L)),
            ["false"] = (_, v, _) => v is false,
            ["filter"] = (_, v, _) => v is string name && FilterContext.HasFilter(name),
            ["float"] = (_, v, _) => v is double,
            ["in"] = (_, v, a) => PyCompare.Contains(a.Bind("in", 1, "seq")[0], v),
            ["integer"] = (_, v, _) => v is long or BigInteger,
            ["iterable"] = (_, v, _) => PyType.IsIterable(v),
            ["lower"] = (_, v, _) =>
                PyType.IsTrue(PyOperators.Call(StringMethods.Find(PyText.Str(v), "islower"), CallArguments.Of())),
            ["mapping"] = (_, v, _) => v is PyDict,
            ["none"] = (_, v, _) => v is null,
            ["number"] = (_, v, _) => PyType.IsNumber(v),
            ["odd"] = (_, v, _) => PyCompare.AreEqual(PyOperators.Binary("%", v, 2L), 1L),
            ["sameas"] = (_, v, a) => IsSame(v, a.Bind("sameas", 1, "other")[0]),
            ["sequence"] = (_, v, _) => v is string or PyMarkup or PyDict or Undefined || PyType.IsIndexable(v),
            ["string"] = (_, v, _) => v is string or PyMarkup,
            ["test"] = (_, v, _) => v is string name && FilterContext.HasTest(name),
            ["true"] = (_, v, _) => v is true,
            ["undefined"] = (_, v, _) => v is Undefined,
            ["upper"] = (_, v, _) =>
                PyType.IsTrue(PyOperators.Call(StringMethods.Find(PyText.Str(v), "isupper"), CallArguments.Of())),
        };
        AddComparison(tests, "==", "eq", "equalto");
        AddComparison(tests, "!=", "ne");
        AddComparison(tests, "<", "lt", "lessthan");
        AddComparison(tests, "<=", "le");
        AddComparison(tests, ">", "gt", "greaterthan");
        AddComparison(tests, ">=", "ge");
        return tests;
    }

    private static void AddComparison(Dictionary<string, ValueTest> tests, string symbol, params string[] names)
    {
        foreach (string name in names.Append(symbol))
        {
            tests[name] = (_, v, a) => Comparison.Holds(symbol, v, a.Bind(name, 1, "other")[0]);
        }
    }

    private static bool IsZero(object? value) => PyCompare.AreEqual(value, 0L);

    private static bool IsSame(object? left, object? right)
    {
        return ReferenceEquals(left, right)
            || (left, right) switch
            {
                (bool a, bool b) => a == b,
                (long a, long b) => a == b,
                (string a, string b) => a == b,
                _ => false,
            };
    }
}
