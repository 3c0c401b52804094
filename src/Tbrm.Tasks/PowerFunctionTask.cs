using System;
using System.Globalization;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="PowerFunctionTask"/>.</summary>
public sealed record PowerFunctionConfig : TaskConfig
{
    /// <summary>The smallest base.</summary>
    public double MinBase { get; init; } = -1e3;

    /// <summary>The largest base.</summary>
    public double MaxBase { get; init; } = 1e3;

    /// <summary>The smallest exponent, before its sign is drawn.</summary>
    public int MinExponent { get; init; }

    /// <summary>The largest exponent, before its sign is drawn.</summary>
    public int MaxExponent { get; init; } = 8;

    internal override void Validate()
    {
        // The package has no conditions; these draws would raise there with the first item.
        Require(MaxExponent >= MinExponent, "max_exponent must be >= min_exponent");
    }
}

/// <summary>Powers of decimal numbers, to three significant figures (reasoning-gym
/// <c>arithmetic/power_function.py</c>).</summary>
public sealed class PowerFunctionTask(PowerFunctionConfig config) : ReasoningTask<PowerFunctionConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "power_function";

    private const int SignificantFigures = 3;

    /// <summary>1 for a number that agrees to three significant figures, 0.01 for any other text, 0 for no
    /// answer.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null)
        {
            return 0;
        }

        bool equal = PythonDecimal.TryParse(answer, out PythonDecimal given)
            && PythonDecimal.TryParse(entry.Answer, out PythonDecimal expected)
            && given.Kind == DecimalKind.Finite
            && expected.Kind == DecimalKind.Finite
            && given.IsZero == expected.IsZero
            && PythonDecimal.NumericallyEqual(ToFigures(given), ToFigures(expected));
        return equal ? 1 : 0.01;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        double power = PythonFloat.Round(random.Uniform(Config.MinBase, Config.MaxBase), 4);
        int exponent = random.RandInt(Config.MinExponent, Config.MaxExponent);
        exponent = random.NextDouble() < 0.5 ? -exponent : exponent;
        double result = Math.Pow(power, exponent);
        if (!double.IsFinite(result))
        {
            throw new TaskItemException(Name, index, $"{PythonFloat.Repr(power)}^{exponent} is not a finite number");
        }

        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["base"] = TaskJson.Float(power);
        metadata["exponent"] = exponent;
        metadata["solution"] = TaskJson.Float(result);
        metadata["difficulty"] =
            new JsonObject { ["exponent"] = TaskJson.Range(Config.MinExponent, Config.MaxExponent) };
        string question = string.Create(CultureInfo.InvariantCulture, $"""
            Your task is to compute an exponentiation of a number.

            Compute {PythonFloat.Repr(power)}^{exponent}. Return your final answer correct to 3 significant figures.
            Provide your answer in scientific notation using 'e' notation (e.g., 1.23e+4).

            """);
        return new TaskItem(question, PythonFloat.Repr(result), metadata);
    }

    private static PythonDecimal ToFigures(PythonDecimal value)
    {
        return value.IsZero ? value : DecimalContext.Rescale(value, value.Adjusted - SignificantFigures + 1);
    }
}
