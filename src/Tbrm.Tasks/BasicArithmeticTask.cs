using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="BasicArithmeticTask"/>.</summary>
public sealed record BasicArithmeticConfig : TaskConfig
{
    private static readonly string[] s_operators = ["+", "-", "*", "/"];
    private static readonly string[] s_formats = ["simple", "natural"];
    private static readonly string[] s_spacings = ["no_space", "single", "random"];

    /// <summary>Fewest terms.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most terms.</summary>
    public int MaxTerms { get; init; } = 6;

    /// <summary>Fewest digits of the terms of an item.</summary>
    public int MinDigits { get; init; } = 1;

    /// <summary>Most digits of the terms of an item.</summary>
    public int MaxDigits { get; init; } = 4;

    /// <summary>The operators to draw from: <c>+ - * /</c>.</summary>
    public IReadOnlyList<string> Operators { get; init; } = s_operators;

    /// <summary>Whether to group terms; without, an item is one chain without negative terms.</summary>
    public bool AllowParentheses { get; init; } = true;

    /// <summary>Whether groups may be negated.</summary>
    public bool AllowNegation { get; init; } = true;

    /// <summary>One wording (<c>simple</c>) or four (<c>natural</c>).</summary>
    public string FormatStyle { get; init; } = "simple";

    /// <summary>Blanks between the parts of a grouped expression: <c>no_space</c>, <c>single</c>,
    /// <c>random</c>.</summary>
    public string Whitespace { get; init; } = "single";

    internal override void Validate()
    {
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
        Require(MinDigits > 0, "min_digits must be positive");
        Require(MaxDigits >= MinDigits, "max_digits must be >= min_digits");
        Require(Operators.Count > 0, "operators: must provide at least one operator");
        foreach (string sign in Operators)
        {
            Require(s_operators.Contains(sign), $"unsupported operator: {sign}; operators are + - * /");
        }

        // The package takes any text here and treats what it does not know as the last of its choices.
        Require(s_formats.Contains(FormatStyle),
            $"format_style must be one of {string.Join(", ", s_formats)}{NearestName.Hint(FormatStyle, s_formats)}");
        Require(s_spacings.Contains(Whitespace),
            $"whitespace must be one of {string.Join(", ", s_spacings)}{NearestName.Hint(Whitespace, s_spacings)}");
    }
}

/// <summary>Expressions of the four operations, division being Python's <c>//</c> (reasoning-gym
/// <c>arithmetic/basic_arithmetic.py</c>).</summary>
public sealed class BasicArithmeticTask(BasicArithmeticConfig config)
    : ReasoningTask<BasicArithmeticConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "basic_arithmetic";

    private static readonly string[] s_wordings = ["What is {0}?", "Solve {0}.", "Compute {0}.", "Evaluate: {0}."];

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int terms = random.RandInt(Config.MinTerms, Config.MaxTerms);
        int digits = random.RandInt(Config.MinDigits, Config.MaxDigits);
        (string expression, BigInteger result) = Config.AllowParentheses ? Grouped(random, terms, digits)
            : Chain(random, terms, digits);
        string wording = Config.FormatStyle == "simple" ? "Calculate {0}." : random.Choice(s_wordings);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["expression"] = expression;
        metadata["num_terms"] = terms;
        metadata["num_digits"] = digits;
        metadata["difficulty"] = new JsonObject
        {
            ["num_terms"] = TaskJson.Range(Config.MinTerms, Config.MaxTerms),
            ["num_digits"] = TaskJson.Range(Config.MinDigits, Config.MaxDigits),
        };
        return new TaskItem(wording.Replace("{0}", expression, StringComparison.Ordinal), PythonInteger.Str(result),
            metadata);
    }

    private static BigInteger Evaluate(string expression)
    {
        return PythonIntegerExpression.Evaluate(expression, slashFloors: true);
    }

    private (string Expression, BigInteger Result) Grouped(PythonRandom random, int terms, int digits)
    {
        BigInteger limit = BigInteger.Pow(10, digits) - 1;
        List<string> parts = Terms(random, terms, limit);
        string expression = Config.Whitespace switch
        {
            "no_space" => string.Concat(parts),
            "single" => string.Join(' ', parts),
            _ => RandomlySpaced(random, parts),
        };
        expression = expression.Replace("/ 0", "/ 1", StringComparison.Ordinal);
        return (expression, Evaluate(expression));
    }

    private static string RandomlySpaced(PythonRandom random, List<string> parts)
    {
        StringBuilder text = new();
        foreach (string part in parts)
        {
            text.Append(random.NextDouble() < 0.15 ? " " : "").Append(part);
        }

        return text.ToString().Trim();
    }

    /// <summary>The parts of an expression of so many terms; a divisor is chosen to divide what stands right before
    /// it.</summary>
    private List<string> Terms(PythonRandom random, int remaining, BigInteger limit)
    {
        int left = random.RandInt(1, remaining);
        int right = remaining - left;
        List<string> parts = LeftTerms(random, left, limit);
        if (right == 0)
        {
            return parts;
        }

        string sign = random.Choice(Config.Operators);
        if (sign != "/")
        {
            parts.Add(sign);
            parts.AddRange(Terms(random, right, limit));
            return parts;
        }

        BigInteger dividend = Evaluate(parts[^1] == ")" ? string.Concat(parts) : parts[^1]);
        parts.Add(sign);
        if (right == 1)
        {
            parts.Add(PythonInteger.Str(Divisor(random, dividend, limit)));
            return parts;
        }

        List<string> rest = Terms(random, right - 1, limit);
        if (rest[^1] == ")")
        {
            CorrectToDivisor(random, dividend, rest);
        }
        else
        {
            parts.Add(PythonInteger.Str(Divisor(random, dividend, limit)));
            parts.Add("+");
        }

        parts.AddRange(rest);
        return parts;
    }

    private List<string> LeftTerms(PythonRandom random, int count, BigInteger limit)
    {
        List<string> parts = [];
        if (count > 1 && random.NextDouble() > 0.5)
        {
            parts.Add(random.NextDouble() > 0.5 && Config.AllowNegation ? "-(" : "(");
            parts.AddRange(Terms(random, count, limit));
            parts.Add(")");
            return parts;
        }

        string[] undivided = [.. Config.Operators.Where(o => o != "/")];
        for (int i = 0; i < count; i++)
        {
            parts.Add(PythonInteger.Str(random.RandInt(-limit, limit)));
            if (i + 1 < count)
            {
                parts.Add(random.Choice(undivided));
            }
        }

        return parts;
    }

    private static BigInteger Divisor(PythonRandom random, BigInteger dividend, BigInteger limit)
    {
        return dividend.IsZero ? random.RandInt(BigInteger.One, limit) : random.Choice(CommonDivisors(dividend, 0));
    }

    /// <summary>Adds a number within the closing parenthesis, in the package's way of making the group divide the
    /// dividend.</summary>
    private static void CorrectToDivisor(PythonRandom random, BigInteger dividend, List<string> group)
    {
        BigInteger value = Evaluate(string.Concat(group));
        BigInteger correction = value.IsZero ? 1 : random.Choice(CommonDivisors(dividend, value)) - value;
        group.RemoveAt(group.Count - 1);
        group.AddRange(["+", PythonInteger.Str(correction), ")"]);
    }

    /// <summary>The common divisors, each small one followed by its complement in the greatest.</summary>
    private static List<BigInteger> CommonDivisors(BigInteger a, BigInteger b)
    {
        BigInteger greatest = BigInteger.GreatestCommonDivisor(a, b);
        List<BigInteger> ascending = Factors.DivisorsOf(greatest);
        List<BigInteger> paired = new(ascending.Count);
        for (int i = 0, j = ascending.Count - 1; i <= j; i++, j--)
        {
            paired.Add(ascending[i]);
            if (i < j)
            {
                paired.Add(ascending[j]);
            }
        }

        return paired;
    }

    /// <summary>A chain of operators evaluated from left to right, as the package does whatever the operators'
    /// precedence.</summary>
    private (string Expression, BigInteger Result) Chain(PythonRandom random, int terms, int digits)
    {
        BigInteger bound = BigInteger.Pow(10, digits);
        List<BigInteger> constants = random.RandInts(terms, 0, bound);
        string[] signs = [.. Enumerable.Range(1, terms - 1).Select(_ => random.Choice(Config.Operators))];
        StringBuilder expression = new(PythonInteger.Str(constants[0]));
        BigInteger result = constants[0];
        for (int i = 0; i < signs.Length; i++)
        {
            // The text keeps the operator and the term that were drawn, even where the result goes another way.
            expression.Append(' ').Append(signs[i]).Append(' ').Append(PythonInteger.Str(constants[i + 1]));
            result = signs[i] switch
            {
                "+" => result + constants[i + 1],
                "-" => result - constants[i + 1],
                "*" => result * constants[i + 1],
                _ => DivideInChain(random, result, bound),
            };
        }

        return (expression.ToString(), result);
    }

    private static BigInteger DivideInChain(PythonRandom random, BigInteger value, BigInteger bound)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        BigInteger end = BigInteger.Min(magnitude, bound);
        List<BigInteger> divisors = Factors.DivisorsBelow(magnitude, end);
        return divisors.Count > 0
            ? PythonInteger.FloorDivide(value, random.Choice(divisors))
            : value * random.RandInt(BigInteger.One, bound - 1);
    }
}
