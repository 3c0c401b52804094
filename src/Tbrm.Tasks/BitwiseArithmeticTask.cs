using System;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="BitwiseArithmeticTask"/>.</summary>
public sealed record BitwiseArithmeticConfig : TaskConfig
{
    /// <summary>How deep the expressions nest, 1 to 10.</summary>
    public int Difficulty { get; init; } = 2;

    internal override void Validate()
    {
        Require(Difficulty > 0, "difficulty must be gt 0");
        Require(Difficulty <= 10, "difficulty must be lte 10");
    }
}

/// <summary>Sums, products and shifts of hexadecimal numbers (reasoning-gym
/// <c>arithmetic/bitwise_arithmetic.py</c>).</summary>
public sealed class BitwiseArithmeticTask(BitwiseArithmeticConfig config)
    : ReasoningTask<BitwiseArithmeticConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "bitwise_arithmetic";

    private static readonly string[] s_operators = ["+", "-", "*", "<<", ">>"];

    /// <summary>1 for the value of <c>metadata.problem</c> in any base that Python's literals have, else 0.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null || !PythonInteger.TryParse(answer, 0, out BigInteger given))
        {
            return 0;
        }

        try
        {
            return PythonIntegerExpression.Evaluate(TaskJson.RequiredText(entry.Metadata, "problem")) == given ? 1 : 0;
        }
        catch (Exception e) when (e is FormatException or DivideByZeroException)
        {
            return 0;
        }
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        string problem = Expression(random, Config.Difficulty);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["problem"] = problem;
        metadata["difficulty"] = new JsonObject { ["difficulty"] = Config.Difficulty };
        return new TaskItem(
            "Please solve this problem. Assume there is arbitrary bit depth and that there are signed integers. "
            + "If the answer is negative, reply as a negative value (ex., -0x3), not the two's-compliment form. "
            + $"Reply only with the final hexidecimal value.\n{problem}",
            PythonInteger.Hex(PythonIntegerExpression.Evaluate(problem)),
            metadata);
    }

    private static string Expression(PythonRandom random, int depth)
    {
        if (depth <= 0 || random.NextDouble() < 0.01)
        {
            return PythonInteger.Hex(random.RandInt(0x100, 0xFFFF));
        }

        string sign = random.Choice(s_operators);
        string left = Expression(random, depth - 1);
        string right = Expression(random, depth - 1);

        // A shift keeps the draws of its right side, but shifts by little.
        return $"({left} {sign} {(sign.Length == 2 ? PythonInteger.Hex(random.RandInt(0, 3)) : right)})";
    }
}
