using System;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="ChainSumTask"/>.</summary>
public sealed record ChainSumConfig : TaskConfig
{
    /// <summary>Fewest terms.</summary>
    public int MinTerms { get; init; } = 2;

    /// <summary>Most terms.</summary>
    public int MaxTerms { get; init; } = 6;

    /// <summary>Fewest digits of the terms of an item.</summary>
    public int MinDigits { get; init; } = 1;

    /// <summary>Most digits of the terms of an item.</summary>
    public int MaxDigits { get; init; } = 4;

    /// <summary>Whether terms may be negative.</summary>
    public bool AllowNegation { get; init; }

    internal override void Validate()
    {
        Require(Size > 0, "size must be positive");
        Require(MinTerms > 0, "min_terms must be positive");
        Require(MaxTerms >= MinTerms, "max_terms must be >= min_terms");
        Require(MinDigits > 0, "min_digits must be positive");
        Require(MaxDigits >= MinDigits, "max_digits must be >= min_digits");
    }
}

/// <summary>Sums and differences of integers, evaluated from left to right (reasoning-gym
/// <c>arithmetic/chain_sum.py</c>).</summary>
public sealed class ChainSumTask(ChainSumConfig config) : ReasoningTask<ChainSumConfig>(TaskName, config), IWorkedTask
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "chain_sum";

    private static readonly string[] s_operators = ["+", "-"];

    /// <inheritdoc/>
    public override double Score(string? answer, TaskItem entry)
    {
        return Scoring.EqualDecimal(answer, entry.Answer);
    }

    /// <inheritdoc/>
    public string Work(TaskItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        return ColumnWorking.Of(item.Metadata["expression"]!.GetValue<string>());
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int terms = random.RandInt(Config.MinTerms, Config.MaxTerms);
        int digits = random.RandInt(Config.MinDigits, Config.MaxDigits);
        (string expression, BigInteger result) = Chain(random, terms, digits);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["num_terms"] = terms;
        metadata["num_digits"] = digits;
        metadata["expression"] = expression;
        metadata["difficulty"] = new JsonObject
        {
            ["num_terms"] = TaskJson.Range(Config.MinTerms, Config.MaxTerms),
            ["num_digits"] = TaskJson.Range(Config.MinDigits, Config.MaxDigits),
        };
        return new TaskItem(
            $"State the final answer to the following arithmetic problem: {expression} =",
            result.ToString(CultureInfo.InvariantCulture),
            metadata);
    }

    private (string Expression, BigInteger Result) Chain(PythonRandom random, int terms, int digits)
    {
        BigInteger high = BigInteger.Pow(10, digits) - 1;
        BigInteger low = digits == 1 ? 0 : BigInteger.Pow(10, digits - 1);
        low = Config.AllowNegation ? -high : low;
        BigInteger[] constants = new BigInteger[terms];
        for (int i = 0; i < terms; i++)
        {
            constants[i] = random.RandInt(low, high);
        }

        StringBuilder expression = new();
        BigInteger result = constants[0];
        expression.Append(CultureInfo.InvariantCulture, $"{constants[0]}");
        for (int i = 1; i < terms; i++)
        {
            string sign = random.Choice(s_operators);
            expression.Append(CultureInfo.InvariantCulture, $" {sign} {constants[i]}");
            result += sign == "+" ? constants[i] : -constants[i];
        }

        return (expression.ToString(), result);
    }
}
