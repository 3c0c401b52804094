using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="LargestIslandTask"/>.</summary>
public sealed record LargestIslandConfig : TaskConfig
{
    /// <summary>Fewest rows.</summary>
    public int MinRows { get; init; } = 5;

    /// <summary>Most rows.</summary>
    public int MaxRows { get; init; } = 10;

    /// <summary>Fewest columns.</summary>
    public int MinCols { get; init; } = 5;

    /// <summary>Most columns.</summary>
    public int MaxCols { get; init; } = 10;

    /// <summary>Fewest walks that make islands.</summary>
    public int MinNumIslands { get; init; }

    /// <summary>Most walks that make islands, which may join.</summary>
    public int MaxNumIslands { get; init; } = 5;

    /// <summary>Fewest steps of a walk.</summary>
    public int MinIslandSize { get; init; }

    /// <summary>Most steps of a walk.</summary>
    public int MaxIslandSize { get; init; } = 10;

    internal override void Validate()
    {
        Require(MinRows >= 1 && MinRows <= MaxRows, "invalid rows range: 1 <= min_rows <= max_rows");
        Require(MinCols >= 1 && MinCols <= MaxCols, "invalid cols range: 1 <= min_cols <= max_cols");
        Require(MinNumIslands >= 0 && MinNumIslands <= MaxNumIslands,
            "invalid num_islands range: 0 <= min_num_islands <= max_num_islands");
        Require(MinIslandSize >= 0 && MinIslandSize <= MaxIslandSize,
            "invalid island_size range: 0 <= min_island_size <= max_island_size");
    }
}

/// <summary>The area of the largest island in a grid of ones and zeros (reasoning-gym
/// <c>graphs/largest_island.py</c>).</summary>
public sealed class LargestIslandTask(LargestIslandConfig config) : ReasoningTask<LargestIslandConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "largest_island";

    private static readonly (int Rows, int Columns)[] s_directions = [(-1, 0), (1, 0), (0, -1), (0, 1)];

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int rows = random.RandInt(Config.MinRows, Config.MaxRows);
        int columns = random.RandInt(Config.MinCols, Config.MaxCols);
        int[][] grid = [.. Enumerable.Range(0, rows).Select(_ => new int[columns])];
        RaiseIslands(random, grid, random.RandInt(Config.MinNumIslands, Config.MaxNumIslands));
        int area = LargestArea(grid);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["grid"] = new JsonArray([.. grid.Select(TaskJson.Integers)]);
        metadata["solution"] = area;
        metadata["difficulty"] = new JsonObject
        {
            ["rows"] = TaskJson.Range(Config.MinRows, Config.MaxRows),
            ["cols"] = TaskJson.Range(Config.MinCols, Config.MaxCols),
            ["num_islands"] = TaskJson.Range(Config.MinNumIslands, Config.MaxNumIslands),
            ["island_size"] = TaskJson.Range(Config.MinIslandSize, Config.MaxIslandSize),
        };
        string question = string.Create(CultureInfo.InvariantCulture, $"""
            You are given the following {rows} x {columns} binary matrix grid:
            {string.Join('\n', grid.Select(r => string.Join(' ', r)))}

            An island is a group of 1's (representing land) connected 4-directionally (horizontal or vertical).
            You may assume all four edges of the grid are surrounded by water.

            The area of an island is the number of cells with a value 1 in the island.

            Return the maximum area of an island in grid. If there is no island, return 0.

            """);
        return new TaskItem(question, area.ToString(CultureInfo.InvariantCulture), metadata);
    }

    /// <summary>Random walks over water. A walk that is shut in marks its last cell again; the directions stay as last
    /// shuffled.</summary>
    private void RaiseIslands(PythonRandom random, int[][] grid, int count)
    {
        (int rows, int columns) = (grid.Length, grid[0].Length);
        (int Rows, int Columns)[] directions = [.. s_directions];
        for (int i = 0; i < count; i++)
        {
            (int row, int column) = (random.RandInt(0, rows - 1), random.RandInt(0, columns - 1));
            long size = long.Min(random.RandInt(Config.MinIslandSize, Config.MaxIslandSize), (long)rows * columns);
            for (long step = 0; step < size; step++)
            {
                grid[row][column] = 1;
                random.Shuffle(directions);
                foreach ((int byRows, int byColumns) in directions)
                {
                    if (ValueAt(grid, row + byRows, column + byColumns) == 0)
                    {
                        (row, column) = (row + byRows, column + byColumns);
                        break;
                    }
                }
            }
        }
    }

    private static int LargestArea(int[][] grid)
    {
        HashSet<(int Row, int Column)> visited = [];
        int largest = 0;
        for (int r = 0; r < grid.Length; r++)
        {
            for (int c = 0; c < grid[r].Length; c++)
            {
                if (grid[r][c] == 1 && visited.Add((r, c)))
                {
                    largest = int.Max(largest, Flood(grid, visited, (r, c)));
                }
            }
        }

        return largest;
    }

    private static int Flood(int[][] grid, HashSet<(int Row, int Column)> visited, (int Row, int Column) start)
    {
        int area = 0;
        Queue<(int Row, int Column)> queue = new([start]);
        for (; queue.TryDequeue(out (int Row, int Column) cell); area++)
        {
            foreach ((int byRows, int byColumns) in s_directions)
            {
                (int Row, int Column) next = (cell.Row + byRows, cell.Column + byColumns);
                if (ValueAt(grid, next.Row, next.Column) == 1 && visited.Add(next))
                {
                    queue.Enqueue(next);
                }
            }
        }

        return area;
    }

    /// <summary>The cell's value; -1 outside the grid.</summary>
    private static int ValueAt(int[][] grid, int row, int column)
    {
        return row >= 0 && row < grid.Length && column >= 0 && column < grid[row].Length ? grid[row][column] : -1;
    }
}
