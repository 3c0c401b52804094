using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="QuantumLockTask"/>.</summary>
public sealed record QuantumLockConfig : TaskConfig
{
    /// <summary>The highest difficulty; each item draws its own from 1 up to it.</summary>
    public int Difficulty { get; init; } = 10;

    internal override void Validate()
    {
        Require(Difficulty > 0, "difficulty must be positive");
        Require(Size > 0, "size must be positive");
    }
}

/// <summary>
/// The shortest sequence of buttons to a target number, some of which work only in one colour of a light
/// (reasoning-gym <c>graphs/quantum_lock.py</c>).
/// </summary>
public sealed class QuantumLockTask(QuantumLockConfig config) : ReasoningTask<QuantumLockConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "quantum_lock";

    private const int ButtonCount = 3;

    // The package tries again by calling itself, and ends at Python's recursion limit of 1000.
    private const int MaxAttempts = 950;

    private static readonly string[] s_types = ["add", "subtract", "multiply"];
    private static readonly string[] s_states = ["any", "green", "red"];
    private static readonly double[] s_stateWeights = [4, 2, 1];

    /// <summary>
    /// Reads every letter A to C of the upper-cased answer as a button. 1 for the item's sequence or another of its
    /// length that reaches the
    /// target, 0.5 for one of another length that does, else 0.
    /// </summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null)
        {
            return 0;
        }

        string given = ButtonsIn(answer), expected = ButtonsIn(entry.Answer);
        if (given == expected)
        {
            return 1;
        }

        Puzzle puzzle = Puzzle.Read(entry.Metadata);
        return !puzzle.Reaches(given) ? 0 : given.Length == expected.Length ? 1 : 0.5;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int difficulty = random.RandInt(1, Config.Difficulty);
        (Puzzle puzzle, string solution) = DrawSolvable(random, difficulty, index);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["solution_path"] = TaskJson.Texts(solution.Select(c => c.ToString()));
        metadata["target_value"] = TaskJson.Integer(puzzle.Target);
        metadata["buttons"] = new JsonArray([.. puzzle.Buttons.Select(b => b.ToJson())]);
        metadata["initial_state"] = puzzle.State;
        metadata["initial_value"] = TaskJson.Integer(puzzle.Value);
        metadata["difficulty"] = new JsonObject { ["difficulty"] = difficulty };
        string buttons = string.Join('\n', puzzle.Buttons.Select(b => b.ToString()));
        string question = string.Create(CultureInfo.InvariantCulture, $"""
            In front of you are some buttons, a light, and a number. The light will toggle between red and green whenever you press a button. Each button performs a mathematical operation to the number, but the operation may depend on the state of the light.
            You must press the shortest correct sequence of buttons to reach the target value. Your answer should be a sequence of buttons separated by '→', for example: A → B → C

            Start: {puzzle.Value} ({puzzle.State})
            Target: {puzzle.Target}
            Buttons:
            {buttons}
            """);
        return new TaskItem(question, string.Join(" → ", solution.AsEnumerable()), metadata);
    }

    private (Puzzle Puzzle, string Solution) DrawSolvable(PythonRandom random, int difficulty, long index)
    {
        for (int i = 0; i < MaxAttempts; i++)
        {
            Puzzle puzzle = Draw(random, difficulty);
            int maxSteps = (int)Math.Min(15, 6 + (long)(difficulty * 1.5));
            if (puzzle.ShortestSolution(maxSteps) is { } solution)
            {
                return (puzzle, solution);
            }
        }

        throw new TaskItemException(Name, index,
            $"no puzzle of difficulty {difficulty} was solvable in {MaxAttempts} attempts");
    }

    private static Puzzle Draw(PythonRandom random, int difficulty)
    {
        int[] sums = difficulty >= 5 ? [2, 3] : [1, 2];
        int[] factors = difficulty >= 7 ? [2, 3] : [2];
        List<Button> buttons = [];
        while (buttons.Count < ButtonCount)
        {
            string type = random.Choice(s_types);
            int value = random.Choice(type == "multiply" ? factors : sums);
            string state = s_states[random.ChoiceIndex(s_stateWeights)];
            if (!buttons.Any(b => b.Type == type && b.Value == value && b.ActiveState == state))
            {
                buttons.Add(new Button((char)('A' + buttons.Count), type, value, state));
            }
        }

        double middle = 5 + Math.Pow(difficulty, 1.5);
        BigInteger variance = random.RandInt(-(BigInteger)(middle * 0.2), (BigInteger)(middle * 0.3));
        BigInteger target = BigInteger.Max(8, (BigInteger)(middle + (double)variance));
        return new Puzzle(buttons, 0, "red", target);
    }

    /// <summary>The letters A to C of a text in upper case.</summary>
    private static string ButtonsIn(string text)
    {
        // U+1E9A is upper-cased to an A and a modifier letter: the only other character that gives a button.
        return string.Concat(text.Select(c => c is '\u1e9a' ? 'A' : char.ToUpperInvariant(c))
            .Where(c => c is >= 'A' and <= 'C'));
    }

    private sealed record Button(char Name, string Type, BigInteger Value, string ActiveState)
    {
        public bool WorksIn(string state)
        {
            return ActiveState == "any" || ActiveState == state;
        }

        public BigInteger Apply(BigInteger number)
        {
            return Type switch
            {
                "add" => number + Value,
                "subtract" => number - Value,
                "multiply" => number * Value,
                _ => number
            };
        }

        public JsonObject ToJson()
        {
            return new JsonObject
            {
                ["name"] = Name.ToString(),
                ["type"] = Type,
                ["value"] = TaskJson.Integer(Value),
                ["active_state"] = ActiveState
            };
        }

        public override string ToString()
        {
            return $"{Name}: {char.ToUpperInvariant(Type[0])}{Type[1..]} {PythonInteger.Str(Value)} (when "
                + $"{ActiveState})";
        }
    }

    private sealed record Puzzle(List<Button> Buttons, BigInteger Value, string State, BigInteger Target)
    {
        public static Puzzle Read(JsonObject metadata)
        {
            List<Button> buttons = [];
            foreach (JsonNode? node in TaskJson.ArrayOf(metadata["buttons"], "buttons"))
            {
                JsonObject button = node as JsonObject
                    ?? throw new DataException("entry.metadata.buttons: objects were expected");
                buttons.Add(new Button(
                    TaskJson.RequiredText(button, "name").FirstOrDefault(),
                    TaskJson.RequiredText(button, "type"),
                    TaskJson.RequiredInteger(button, "value"),
                    TaskJson.RequiredText(button, "active_state")));
            }

            return new Puzzle(
                buttons,
                TaskJson.RequiredInteger(metadata, "initial_value"),
                TaskJson.RequiredText(metadata, "initial_state"),
                TaskJson.RequiredInteger(metadata, "target_value"));
        }

        /// <summary>Whether pressing the buttons ends at the target. One that does not work leaves number and light as
        /// they are.</summary>
        public bool Reaches(string sequence)
        {
            BigInteger number = Value;
            string state = State;
            BigInteger largest =
                Buttons.Aggregate(BigInteger.One, (m, b) => BigInteger.Max(m, BigInteger.Abs(b.Value)));
            bool neverShrinks = Buttons.All(b => b.Type != "multiply" || !b.Value.IsZero);
            for (int i = 0; i < sequence.Length; i++)
            {
                // So far off that adding the largest value until the end cannot bring it back; a long answer would only
                // grow the number.
                if (neverShrinks && BigInteger.Abs(number) > BigInteger.Abs(Target) + (largest * (sequence.Length - i)))
                {
                    return false;
                }

                if (Buttons.FindLast(b => b.Name == sequence[i]) is { } button && button.WorksIn(state))
                {
                    number = button.Apply(number);
                    state = Other(state);
                }
            }

            return number == Target;
        }

        /// <summary>The first shortest sequence that a breadth-first search finds; null when there is none of so many
        /// steps.</summary>
        public string? ShortestSolution(int maxSteps)
        {
            // Fifteen steps of values up to 3 stay far inside of 64 bits; a drawn target that does not fit is out of
            // reach.
            if (Target > long.MaxValue)
            {
                return null;
            }

            List<(long Number, bool Red, int From, char Pressed, int Steps)> found =
                [((long)Value, State == "red", -1, ' ', 0)];
            HashSet<(long Number, bool Red)> seen = [(found[0].Number, found[0].Red)];
            (Button Button, long Value)[] buttons = [.. Buttons.Select(b => (b, (long)b.Value))];
            for (int i = 0; i < found.Count; i++)
            {
                (long number, bool red, _, _, int steps) = found[i];
                if (number == Target)
                {
                    return PathTo(found, i);
                }

                foreach ((Button button, long value) in steps < maxSteps ? buttons : [])
                {
                    if (!button.WorksIn(red ? "red" : "green"))
                    {
                        continue;
                    }

                    long next = button.Type switch
                    {
                        "add" => number + value,
                        "subtract" => number - value,
                        _ => number * value
                    };
                    if (seen.Add((next, !red)))
                    {
                        found.Add((next, !red, i, button.Name, steps + 1));
                    }
                }
            }

            return null;
        }

        private static string PathTo(List<(long Number, bool Red, int From, char Pressed, int Steps)> found, int index)
        {
            char[] path = new char[found[index].Steps];
            for (int i = index; found[i].From >= 0; i = found[i].From)
            {
                path[found[i].Steps - 1] = found[i].Pressed;
            }

            return new string(path);
        }

        private static string Other(string state)
        {
            return state == "red" ? "green" : "red";
        }
    }
}
