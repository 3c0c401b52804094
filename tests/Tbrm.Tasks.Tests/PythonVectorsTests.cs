using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Tasks.Python;
using Tbrm.Testing;

namespace Tbrm.Tasks.Tests;

/// <summary>
/// Python's integers, decimals, floats, sets and texts against CPython 3.11: each line of <c>python.jsonl</c> is a
/// function, its arguments, and
/// what CPython printed, null where it raised.
/// </summary>
[TestFixture]
public sealed class PythonVectorsTests
{
    private static readonly Dictionary<string, Func<JsonArray, string?>> s_functions = new()
    {
        ["int"] = v => PythonInteger.TryParse((string)v[2]!, (int)v[1]!, out BigInteger n)
            ? ((string)v[2]!).Length < 4300 ? PythonInteger.Str(n) : PythonInteger.Hex(n) : null,
        ["decimal"] = v => PythonDecimal.TryParse((string)v[1]!, out PythonDecimal d) ? Text(d) : null,
        ["repr"] = v => PythonFloat.Repr(FromHex(v[1])),
        ["round"] = v => BitConverter.DoubleToUInt64Bits(PythonFloat.Round(FromHex(v[1]), (int)v[2]!))
            .ToString("x16", CultureInfo.InvariantCulture),
        ["decimal_op"] = DecimalOperation,
        ["fixed"] = v => DecimalContext.ToFixed(Parse(v[1]), (int)v[2]!),
        ["set"] = SetOrder,
        ["lower"] = v => string.Concat(PythonText.Lower((string)v[1]!)),
        ["eval"] = IntegerExpression,
    };

    public static IEnumerable<string> Functions()
    {
        return s_functions.Keys;
    }

    [TestCaseSource(nameof(Functions))]
    public void Results_are_CPythons(string function)
    {
        string path = Repository.PathOf("tests", "Tbrm.Tasks.Tests", "Golden", "python.jsonl");
        int checkedCount = 0;
        foreach (JsonArray vector in File.ReadLines(path).Select(l => (JsonArray)JsonNode.Parse(l)!)
            .Where(v => (string)v[0]! == function))
        {
            string? expected = function == "lower" ? (string)vector[2]! : (vector[^1] as JsonArray)?.ToJsonString()
                ?? (string?)vector[^1];
            Assert.That(s_functions[function](vector), Is.EqualTo(expected), vector.ToJsonString());
            if (function == "lower")
            {
                AssertText(vector);
            }

            checkedCount++;
        }

        Assert.That(checkedCount, Is.GreaterThan(10));
    }

    private static void AssertText(JsonArray vector)
    {
        string text = (string)vector[1]!;
        Assert.That(PythonText.Length(text), Is.EqualTo((int)vector[3]!), vector.ToJsonString());
        Assert.That(PythonText.Strip(text), Is.EqualTo((string)vector[4]!), vector.ToJsonString());
        Assert.That(PythonText.Split(text), Is.EqualTo(((JsonArray)vector[5]!).Select(w => (string)w!)),
            vector.ToJsonString());
    }

    private static string? DecimalOperation(JsonArray vector)
    {
        DecimalContext context = new((int)vector[2]!);
        (PythonDecimal a, PythonDecimal b) = (Parse(vector[3]), Parse(vector[4]));
        try
        {
            return DecimalContext.ToText((string)vector[1]! switch
            {
                "add" => context.Add(a, b),
                "sub" => context.Subtract(a, b),
                "mul" => context.Multiply(a, b),
                _ => context.Divide(a, b),
            });
        }
        catch (DivideByZeroException)
        {
            return null;
        }
    }

    private static string SetOrder(JsonArray vector)
    {
        PythonSet<(int First, int Second)> set =
            new(p => PythonHash.OfPair(PythonHash.OfInteger(p.First), PythonHash.OfInteger(p.Second)));
        foreach (JsonNode? pair in (JsonArray)vector[1]!)
        {
            set.Add(((int)pair![0]!, (int)pair[1]!));
        }

        return new JsonArray([.. set.Select(p => new JsonArray(p.First, p.Second))]).ToJsonString();
    }

    private static string? IntegerExpression(JsonArray vector)
    {
        try
        {
            return PythonInteger.Str(PythonIntegerExpression.Evaluate((string)vector[1]!));
        }
        catch (FormatException)
        {
            return null;
        }
        catch (DivideByZeroException)
        {
            return "zero";
        }
    }

    private static PythonDecimal Parse(JsonNode? text)
    {
        return PythonDecimal.TryParse((string)text!, out PythonDecimal value) ? value
            : throw new FormatException((string)text!);
    }

    private static double FromHex(JsonNode? bits)
    {
        return BitConverter.UInt64BitsToDouble(ulong.Parse(
            (string)bits!, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
    }

    /// <summary><c>str()</c>; the digits after a NaN, which mean nothing, are not kept.</summary>
    private static string Text(PythonDecimal value)
    {
        string sign = value.Negative ? "-" : "";
        return value.Kind switch
        {
            DecimalKind.Finite => DecimalContext.ToText(value),
            DecimalKind.Infinity => sign + "Infinity",
            DecimalKind.NaN => sign + "NaN",
            _ => sign + "sNaN",
        };
    }
}
