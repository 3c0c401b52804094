using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="CountdownTask"/>.</summary>
public sealed record CountdownConfig : TaskConfig
{
    private static readonly string[] s_operators = ["+", "-", "*", "/"];

    /// <summary>Fewest numbers.</summary>
    public int MinNumbers { get; init; } = 4;

    /// <summary>Most numbers.</summary>
    public int MaxNumbers { get; init; } = 6;

    /// <summary>The smallest number.</summary>
    public BigInteger MinValue { get; init; } = 1;

    /// <summary>The largest number.</summary>
    public BigInteger MaxValue { get; init; } = 100;

    /// <summary>The smallest target.</summary>
    public BigInteger MinTarget { get; init; } = 100;

    /// <summary>The largest target.</summary>
    public BigInteger MaxTarget { get; init; } = 999;

    /// <summary>The operators to draw from: <c>+ - * /</c>.</summary>
    public IReadOnlyList<string> Operators { get; init; } = s_operators;

    /// <summary>Whether the question lists the numbers in random order rather than in that of the solution.</summary>
    public bool Shuffle { get; init; } = true;

    internal override void Validate()
    {
        Require(MinNumbers > 1, "min_numbers must be greater than 1");
        Require(MaxNumbers >= MinNumbers, "max_numbers must be >= min_numbers");
        Require(MinValue > 0, "min_value must be positive");
        Require(MaxValue >= MinValue, "max_value must be >= min_value");
        Require(MinTarget > 0, "min_target must be positive");
        Require(MaxTarget >= MinTarget, "max_target must be >= min_target");
        Require(Operators.Count > 0, "operators: must specify at least one operator");
        Require(Operators.All(s_operators.Contains), "invalid operator specified; operators are + - * /");
    }
}

/// <summary>Expressions that reach a target with given numbers (reasoning-gym <c>games/countdown.py</c>).</summary>
public sealed partial class CountdownTask(CountdownConfig config) : ReasoningTask<CountdownConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "countdown";

    private const int MaxAttempts = 100;
    private const double AbsoluteTolerance = 1e-6;
    private const double RelativeTolerance = 1e-5;

    private static readonly string[] s_wordings =
    [
        "Using all the numbers {0}, create an expression that equals {1}.\nYou can only use each number once.",
        "Find a way to make {1} using all of these numbers: {0}.\nEach number can only be used once.",
        "Calculate {1} using all of these numbers: {0}.\nEach number may be used at most once.",
    ];

    /// <summary>1 for an expression with the target's value and exactly the numbers, 0.05 for any other with a value,
    /// else 0.01.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null || !SympyExpression.TryEvaluate(answer, out double value))
        {
            return 0.01;
        }

        List<BigInteger> used = [];
        foreach (ValueMatch match in WholeNumbers().EnumerateMatches(answer))
        {
            if (!PythonInteger.TryParse(answer.AsSpan(match.Index, match.Length), 10, out BigInteger number))
            {
                return 0.01;
            }

            used.Add(number);
        }

        List<BigInteger> given =
            [.. TaskJson.ArrayOf(entry.Metadata["numbers"], "numbers").Select(n => TaskJson.IntegerOf(n, "numbers"))];
        used.Sort();
        given.Sort();
        double target = (double)TaskJson.RequiredInteger(entry.Metadata, "target");
        bool close = Math.Abs(value - target) <= AbsoluteTolerance + (RelativeTolerance * Math.Abs(target));
        return close && used.SequenceEqual(given) ? 1 : 0.05;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        (string expression, List<BigInteger> numbers, BigInteger target) = DrawSolvable(random, index);
        if (Config.Shuffle)
        {
            random.Shuffle(numbers);
        }

        string list = string.Join(", ", numbers.Select(PythonInteger.Str));
        string wording = random.Choice(s_wordings)
            .Replace("{0}", list, StringComparison.Ordinal)
            .Replace("{1}", PythonInteger.Str(target), StringComparison.Ordinal);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["numbers"] = TaskJson.Integers(numbers);
        metadata["target"] = TaskJson.Integer(target);
        metadata["expression"] = expression;
        metadata["difficulty"] = new JsonObject
        {
            ["numbers"] = TaskJson.Range(Config.MinNumbers, Config.MaxNumbers),
            ["target"] = TaskJson.Range(Config.MinTarget, Config.MaxTarget),
            ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue),
        };
        string question = $"""
            {wording}

            Final answer format instructions:
            1. Provide your solution as a arithmetic expression (no '=' sign).
            2. Do not include the target number in the expression.
            3. Use '*' for multiplication.
            4. Use '/' for division.
            5. Do not include any other text or formatting.

            """;
        return new TaskItem(question, expression, metadata);
    }

    private (string Expression, List<BigInteger> Numbers, BigInteger Target) DrawSolvable(PythonRandom random,
        long index)
    {
        int count = random.RandInt(Config.MinNumbers, Config.MaxNumbers);
        for (int i = 0; i < MaxAttempts; i++)
        {
            List<BigInteger> numbers = random.RandInts(count, Config.MinValue, Config.MaxValue);
            (CountdownExpression expression, BigInteger value) = Draw(random, numbers);
            if (value >= Config.MinTarget && value <= Config.MaxTarget)
            {
                return (expression.Print(numbers), numbers, value);
            }
        }

        throw new TaskItemException(Name, index,
            $"no target from {Config.MinTarget} to {Config.MaxTarget} was met in {MaxAttempts} attempts");
    }

    /// <summary>
    /// Combines the numbers from left to right. A division takes the first of the numbers not yet used, in random
    /// order, that divides the value
    /// so far, and writes it in the place of the next; where none does, the next number is subtracted.
    /// </summary>
    private (CountdownExpression Expression, BigInteger Value) Draw(PythonRandom random, List<BigInteger> numbers)
    {
        CountdownExpression expression = CountdownExpression.First(0);
        BigInteger value = numbers[0];
        for (int i = 1; i < numbers.Count; i++)
        {
            string sign = random.Choice(Config.Operators);
            if (sign == "/")
            {
                List<BigInteger> remaining = numbers[i..];
                random.Shuffle(remaining);
                BigInteger divisor = remaining.Find(n => (value % n).IsZero);
                sign = divisor.IsZero ? "-" : sign;
                numbers[i] = divisor.IsZero ? numbers[i] : divisor;
            }

            expression = expression.Append(sign, i);
            value = sign switch
            {
                "+" => value + numbers[i],
                "-" => value - numbers[i],
                "*" => value * numbers[i],
                _ => value / numbers[i],
            };
        }

        return (expression, value);
    }

    [GeneratedRegex(@"\b\d+\b")]
    private static partial Regex WholeNumbers();
}
