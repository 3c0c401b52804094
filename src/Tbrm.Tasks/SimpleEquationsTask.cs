using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="SimpleEquationsTask"/>.</summary>
public sealed record SimpleEquationsConfig : TaskConfig
{
    private static readonly string[] s_operators = ["+", "-", "*"];

    /// <summary>Fewest terms of the left side.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most terms of the left side.</summary>
    public int MaxTerms { get; init; } = 4;

    /// <summary>The smallest constant, coefficient and solution.</summary>
    public BigInteger MinValue { get; init; } = 1;

    /// <summary>The largest constant, coefficient and solution.</summary>
    public BigInteger MaxValue { get; init; } = 100;

    /// <summary>The operators to draw from: <c>+ - *</c>.</summary>
    public IReadOnlyList<string> Operators { get; init; } = s_operators;

    /// <summary>The weight of each operator; their sum is 1. Kept as written, since the metadata shows them.</summary>
    public IReadOnlyList<JsonNode> OperatorsWeights { get; init; } =
        [TaskJson.Float(0.4), TaskJson.Float(0.4), TaskJson.Float(0.2)];

    /// <summary>The weights as numbers.</summary>
    internal double[] WeightValues =>
        [.. OperatorsWeights.Select(w => double.Parse(w.ToJsonString(), CultureInfo.InvariantCulture))];

    internal override void Validate()
    {
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
        Require(MinValue > 0, "min_value must be positive");
        Require(MaxValue >= MinValue, "max_value must be >= min_value");
        Require(Operators.Count > 0, "operators: must specify at least one operator");
        Require(Operators.All(s_operators.Contains), "invalid operator specified; operators are + - *");
        Require(PythonFloat.Round(WeightValues.Sum(), 1) == 1.0, "operators_weights must sum to 1.0");
        Require(OperatorsWeights.Count == Operators.Count, "operators_weights must have a weight for each operator");
    }
}

/// <summary>Linear equations in one unknown, printed as SymPy prints them (reasoning-gym
/// <c>algebra/simple_equations.py</c>).</summary>
public sealed class SimpleEquationsTask(SimpleEquationsConfig config)
    : ReasoningTask<SimpleEquationsConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "simple_equations";

    private static readonly char[] s_letters = [.. "abcdefghijklmnopqrstuvwxyz"];

    private static readonly string[] s_wordings =
    [
        "Find the value of {0} in the equation: {1}",
        "Solve for {0}: {1}",
        "Determine the value of {0} that satisfies: {1}",
    ];

    private readonly double[] _weights = config.WeightValues;

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        string variable = random.Choice(s_letters).ToString();
        (Line left, BigInteger solution) = Equation(random);
        string equation = $"{left.Print(variable)} = {PythonInteger.Str(left.At(solution))}";
        string wording = random.Choice(s_wordings);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["equation"] = equation;
        metadata["variable"] = variable;
        metadata["difficulty"] = new JsonObject
        {
            ["min_terms"] = Config.MinTerms,
            ["max_terms"] = Config.MaxTerms,
            ["min_value"] = TaskJson.Integer(Config.MinValue),
            ["max_value"] = TaskJson.Integer(Config.MaxValue),
            ["operators_weights"] = new JsonArray([.. Config.OperatorsWeights.Select(w => w.DeepClone())]),
        };
        return new TaskItem(
            string.Format(CultureInfo.InvariantCulture, wording, variable, equation),
            PythonInteger.Str(solution),
            metadata);
    }

    private (Line Left, BigInteger Solution) Equation(PythonRandom random)
    {
        int count = random.RandInt(Config.MinTerms, Config.MaxTerms);
        Line[] terms = [.. random.RandInts(count, Config.MinValue, Config.MaxValue).Select(c => new Line(0, c))];
        int position = random.RandInt(0, count - 1);
        BigInteger coefficient = random.RandInt(Config.MinValue, Config.MaxValue);
        terms[position] = new Line(Config.Operators.Contains("*") ? coefficient : BigInteger.One, 0);
        Line left = terms[0];
        foreach (Line term in terms.Skip(1))
        {
            left = Config.Operators[random.ChoiceIndex(_weights)] switch
            {
                "+" => left + term,
                "-" => left - term,
                _ => left * term,
            };
        }

        return (left, random.RandInt(Config.MinValue, Config.MaxValue));
    }

    /// <summary>Slope * unknown + Constant. Only one term has the unknown, so that no product of two has it.</summary>
    private readonly record struct Line(BigInteger Slope, BigInteger Constant)
    {
        public static Line operator +(Line a, Line b)
        {
            return new Line(a.Slope + b.Slope, a.Constant + b.Constant);
        }

        public static Line operator -(Line a, Line b)
        {
            return new Line(a.Slope - b.Slope, a.Constant - b.Constant);
        }

        public static Line operator *(Line a, Line b)
        {
            return new Line((a.Slope * b.Constant) + (a.Constant * b.Slope), a.Constant * b.Constant);
        }

        public BigInteger At(BigInteger unknown)
        {
            return (Slope * unknown) + Constant;
        }

        /// <summary>As SymPy: the unknown first, unless the constant is positive and the slope negative.</summary>
        public string Print(string unknown)
        {
            if (Slope.IsZero)
            {
                return PythonInteger.Str(Constant);
            }

            string magnitude = BigInteger.Abs(Slope).IsOne ? unknown
                : $"{PythonInteger.Str(BigInteger.Abs(Slope))}*{unknown}";
            if (Constant.Sign > 0 && Slope.Sign < 0)
            {
                return $"{PythonInteger.Str(Constant)} - {magnitude}";
            }

            string first = Slope.Sign < 0 ? "-" + magnitude : magnitude;
            return Constant.Sign switch
            {
                0 => first,
                > 0 => $"{first} + {PythonInteger.Str(Constant)}",
                _ => $"{first} - {PythonInteger.Str(-Constant)}",
            };
        }
    }
}
