using System;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="DecimalArithmeticTask"/>.</summary>
public sealed record DecimalArithmeticConfig : TaskConfig
{
    /// <summary>Fewest decimal places of a term.</summary>
    public int MinNumDecimalPlaces { get; init; } = 3;

    /// <summary>Most decimal places of a term.</summary>
    public int MaxNumDecimalPlaces { get; init; } = 3;

    /// <summary>Fewest terms.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most terms.</summary>
    public int MaxTerms { get; init; } = 6;

    /// <summary>Significant digits to which each operation is rounded.</summary>
    public int Precision { get; init; } = 12;

    internal override void Validate()
    {
        Require(Precision > MaxNumDecimalPlaces + 1, "precision must be 2 or more higher than max_num_decimal_places");

        // What the package lets pass here, it raises for with the first item.
        Require(MinNumDecimalPlaces >= 0, "min_num_decimal_places must be non-negative");
        Require(MaxNumDecimalPlaces >= MinNumDecimalPlaces, "max_num_decimal_places must be >= min_num_decimal_places");
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
    }
}

/// <summary>
/// Expressions of decimal numbers, each operation rounded to some digits (reasoning-gym
/// <c>arithmetic/decimal_arithmetic.py</c>).
/// </summary>
public sealed class DecimalArithmeticTask(DecimalArithmeticConfig config)
    : ReasoningTask<DecimalArithmeticConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "decimal_arithmetic";

    private const int LargestTerm = 10;

    private static readonly string[] s_operators = ["+", "-", "*", "/"];
    private static readonly bool[] s_groupOrNot = [true, false];

    private readonly DecimalContext _context = new(config.Precision);

    /// <summary>1 for a number off by at most one unit of the last of <c>max_num_decimal_places</c>, else 0.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null
            || !PythonDecimal.TryParse(answer, out PythonDecimal given)
            || !PythonDecimal.TryParse(entry.Answer, out PythonDecimal expected)
            || given.Kind != DecimalKind.Finite
            || expected.Kind != DecimalKind.Finite)
        {
            return 0;
        }

        PythonDecimal difference = _context.Subtract(given, expected);
        PythonDecimal tolerance = PythonDecimal.Finite(false, 1, -Config.MaxNumDecimalPlaces);
        return PythonDecimal.CompareMagnitudes(difference, tolerance) <= 0 ? 1 : 0;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int terms = random.RandInt(Config.MinTerms, Config.MaxTerms);
        List<string> operands = [];
        List<string> signs = [];
        int places = 1;
        for (int i = 0; i < terms; i++)
        {
            int own = random.RandInt(Config.MinNumDecimalPlaces, Config.MaxNumDecimalPlaces);
            places = Math.Max(places, own);
            BigInteger digits = random.RandInt(BigInteger.One, LargestTerm * BigInteger.Pow(10, own));
            operands.Add(DecimalContext.ToFixed(PythonDecimal.Finite(false, digits, -own), own));
            if (i < terms - 1)
            {
                signs.Add(random.Choice(s_operators));
            }
        }

        string expression = Group(random, operands, signs);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["decimal_places"] = places;
        metadata["num_terms"] = terms;
        metadata["difficulty"] = new JsonObject
        {
            ["decimal_places"] = TaskJson.Range(Config.MinNumDecimalPlaces, Config.MaxNumDecimalPlaces),
            ["num_terms"] = TaskJson.Range(Config.MinTerms, Config.MaxTerms),
        };
        string question = string.Create(
            CultureInfo.InvariantCulture,
            $"Please solve this problem to a maximum of {Config.Precision} significant digits, rounding up from the "
                + $"half. "
            + $"Only reply with the final value.\n{expression} = ?");
        return new TaskItem(question, DecimalContext.ToText(PythonDecimalExpression.Evaluate(expression, _context)),
            metadata);
    }

    /// <summary>Splits the terms at random, again and again, and puts every second group or so into
    /// parentheses.</summary>
    private static string Group(PythonRandom random, List<string> operands, List<string> signs)
    {
        if (operands.Count == 1)
        {
            return operands[0];
        }

        int split = random.RandInt(1, operands.Count - 1);
        string left = Group(random, operands[..split], signs[..(split - 1)]);
        string right = Group(random, operands[split..], signs[split..]);
        string expression = left + signs[split - 1] + right;
        return random.Choice(s_groupOrNot) ? $"({expression})" : expression;
    }
}
