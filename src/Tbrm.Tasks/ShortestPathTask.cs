using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="ShortestPathTask"/>.</summary>
public sealed record ShortestPathConfig : TaskConfig
{
    /// <summary>Fewest rows.</summary>
    public int MinRows { get; init; } = 5;

    /// <summary>Most rows.</summary>
    public int MaxRows { get; init; } = 8;

    /// <summary>Fewest columns.</summary>
    public int MinCols { get; init; } = 5;

    /// <summary>Most columns.</summary>
    public int MaxCols { get; init; } = 8;

    /// <summary>The probability of a blocked cell.</summary>
    public double PBlocked { get; init; } = 0.4;

    internal override void Validate()
    {
        Require(MinRows >= 1, "min_rows must be at least 1");
        Require(MinRows <= MaxRows, "min_rows must be less than or equal to max_rows");
        Require(MinCols >= 1, "min_cols must be at least 1");
        Require(MinCols <= MaxCols, "min_cols must be less than or equal to max_cols");
        Require(PBlocked is >= 0 and <= 1, "p_blocked must be between 0 and 1");

        // The package accepts this, and then looks for a second cell in a grid of one for ever.
        Require(MinRows > 1 || MinCols > 1,
            "min_rows or min_cols must be at least 2: start and destination are different cells");
    }
}

/// <summary>Shortest paths through a grid with blocked cells (reasoning-gym <c>graphs/shortest_path.py</c>).</summary>
public sealed class ShortestPathTask(ShortestPathConfig config) : ReasoningTask<ShortestPathConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "shortest_path";

    private const char Start = '*';
    private const char Goal = '#';
    private const char Blocked = 'X';
    private const char Free = 'O';

    private static readonly (int Rows, int Columns, string Word)[] s_directions =
        [(0, 1, "right"), (1, 0, "down"), (0, -1, "left"), (-1, 0, "up")];

    /// <summary>1 for the item's answer or another path of its length, 0.5 for a longer or shorter valid path, else
    /// 0.</summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (string.IsNullOrEmpty(answer))
        {
            return 0;
        }

        string given = PythonText.Strip(answer);
        if (given == PythonText.Strip(entry.Answer))
        {
            return 1;
        }

        string[] path = PythonText.Split(given);
        if (!LeadsToGoal(ReadGrid(entry.Metadata), path))
        {
            return 0;
        }

        return path.Length == PythonText.Split(entry.Answer).Length ? 1 : 0.5;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int rows = random.RandInt(Config.MinRows, Config.MaxRows);
        int columns = random.RandInt(Config.MinCols, Config.MaxCols);
        char[][] grid = DrawGrid(random, rows, columns);
        List<string> path = ShortestPath(grid);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["matrix"] = new JsonArray([.. grid.Select(r => TaskJson.Texts(r.Select(c => c.ToString())))]);
        metadata["solution"] = TaskJson.Texts(path);
        metadata["difficulty"] = new JsonObject
        {
            ["rows"] = TaskJson.Range(Config.MinRows, Config.MaxRows),
            ["cols"] = TaskJson.Range(Config.MinCols, Config.MaxCols),
        };
        return new TaskItem(Question(grid), path.Count > 0 ? string.Join(' ', path) : "infeasible", metadata);
    }

    private static string Question(char[][] grid)
    {
        return $"""
            Your task is to find the shortest path from the start to the destination point in a grid.

            The grid is represented as a matrix with the following types of cells:
            - *: your starting point
            - #: your destination point
            - O: an open cell
            - X: a blocked cell

            Therefore, you need to find the shortest path from * to #, moving only through open cells.

            You may only move in four directions: up, down, left, and right.

            If there is no path from * to #, simply write "infeasible" (without quotes).

            Your output should be a sequence of directions that leads from * to #, e.g. right right down down up left

            Now, find the shortest path from * to # in the following grid:
            {string.Join('\n', grid.Select(r => string.Join(' ', r)))}

            """;
    }

    private char[][] DrawGrid(PythonRandom random, int rows, int columns)
    {
        char[][] grid = new char[rows][];
        for (int r = 0; r < rows; r++)
        {
            grid[r] = new char[columns];
            for (int c = 0; c < columns; c++)
            {
                grid[r][c] = random.NextDouble() < Config.PBlocked ? Blocked : Free;
            }
        }

        (int Row, int Column) start = (random.RandInt(0, rows - 1), random.RandInt(0, columns - 1));
        grid[start.Row][start.Column] = Start;
        (int Row, int Column) goal = start;
        while (goal == start)
        {
            goal = (random.RandInt(0, rows - 1), random.RandInt(0, columns - 1));
        }

        grid[goal.Row][goal.Column] = Goal;
        return grid;
    }

    /// <summary>The first path that a breadth-first search finds, trying right, down, left, up; empty when there is
    /// none.</summary>
    private static List<string> ShortestPath(char[][] grid)
    {
        (int Row, int Column) start = Find(grid, Start);
        Dictionary<(int Row, int Column), int> cameBy = new() { [start] = -1 };
        Queue<(int Row, int Column)> queue = new([start]);
        while (queue.TryDequeue(out (int Row, int Column) cell))
        {
            for (int d = 0; d < s_directions.Length; d++)
            {
                (int Row, int Column) next = (cell.Row + s_directions[d].Rows, cell.Column + s_directions[d].Columns);
                if (!Inside(grid, next) || grid[next.Row][next.Column] == Blocked || !cameBy.TryAdd(next, d))
                {
                    continue;
                }

                if (grid[next.Row][next.Column] == Goal)
                {
                    return WalkBack(cameBy, next);
                }

                queue.Enqueue(next);
            }
        }

        return [];
    }

    private static List<string> WalkBack(Dictionary<(int Row, int Column), int> cameBy, (int Row, int Column) cell)
    {
        List<string> path = [];
        for (int d = cameBy[cell]; d >= 0; d = cameBy[cell])
        {
            path.Add(s_directions[d].Word);
            cell = (cell.Row - s_directions[d].Rows, cell.Column - s_directions[d].Columns);
        }

        path.Reverse();
        return path;
    }

    /// <summary>Whether the words lead from start to goal over no blocked cell; they may pass over the goal on their
    /// way.</summary>
    private static bool LeadsToGoal(char[][] grid, string[] path)
    {
        (int Row, int Column) cell = Find(grid, Start);
        foreach (string word in path)
        {
            int d = Array.FindIndex(s_directions, x => x.Word == word);
            if (d < 0)
            {
                return false;
            }

            cell = (cell.Row + s_directions[d].Rows, cell.Column + s_directions[d].Columns);
            if (!Inside(grid, cell) || grid[cell.Row][cell.Column] == Blocked)
            {
                return false;
            }
        }

        return cell == Find(grid, Goal);
    }

    private static bool Inside(char[][] grid, (int Row, int Column) cell)
    {
        return cell.Row >= 0 && cell.Row < grid.Length && cell.Column >= 0 && cell.Column < grid[0].Length;
    }

    private static (int Row, int Column) Find(char[][] grid, char wanted)
    {
        for (int r = 0; r < grid.Length; r++)
        {
            int c = Array.IndexOf(grid[r], wanted);
            if (c >= 0)
            {
                return (r, c);
            }
        }

        throw new DataException($"entry.metadata.matrix: a cell '{wanted}' was expected, found none");
    }

    private static char[][] ReadGrid(JsonObject metadata)
    {
        JsonArray rows = TaskJson.ArrayOf(metadata["matrix"], "matrix");
        char[][] grid = [.. rows.Select(r => TaskJson.ArrayOf(r, "matrix").Select(CellOf).ToArray())];
        return grid.Length > 0 && grid.All(r => r.Length == grid[0].Length)
            ? grid
            : throw new DataException("entry.metadata.matrix: rows of one length were expected");
    }

    private static char CellOf(JsonNode? cell)
    {
        string text = TaskJson.TextOf(cell, "matrix");
        return text.Length == 1 ? text[0]
            : throw new DataException($"entry.metadata.matrix: a cell of one character was expected, found '{text}'");
    }
}
