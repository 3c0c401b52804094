using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sources;
using Tbrm.Tasks;
using Tbrm.Verify;
using Tbrm.Verify.Graders;

namespace Tbrm.Training.Prompts;

/// <summary>
/// The grader of a run: every row is graded by what fits its data source, wherever the row came from. In this order:
/// <c>reward.graders</c>; the
/// scorer of the run's own task; <c>reward.grader</c> where it names one; verl's choice for the data source; the scorer
/// of the task that the
/// data source is named after.
/// </summary>
internal sealed class RunGrader : IGrader
{
    private const string TaskGraderName = "task";
    private const string DataSource = "data_source";

    private readonly IGrader _grader;
    private readonly DataSourceGrader _sources;

    /// <summary>Makes it.</summary>
    /// <param name="reward">The configuration.</param>
    /// <param name="task">What the run generates its problems with; null for none.</param>
    /// <exception cref="ConfigException">A grader does not exist, or refuses its options.</exception>
    public RunGrader(RewardConfig reward, IReasoningTask? task)
    {
        bool isNamed = reward.Grader != "auto";
        AnswerForm form = reward.AnswerForm == "tags" ? AnswerForm.AnswerTag : AnswerForm.Text;
        GraderRegistry registry = new();
        registry.Register(TaskGraderName,
            _ => new TaskGrader(form,
            task is null ? [] : [task])
            { MathMatch = reward.TaskCascade ? MathMatch.Score : null });

        JsonObject map = [];
        foreach ((string source, string grader) in reward.Graders)
        {
            map[source] = grader is ['{' or '[', ..]
                ? throw new ConfigException($"reward.graders.{source} is {grader}; expected the name of a grader")
                : grader;
        }

        IEnumerable<string> tasks = isNamed ? NamesOf(task)
            : [.. NamesOf(task), .. TaskRegistry.Names, TaskGrader.SourcePrefix + "*"];
        foreach (string name in tasks.Where(
            name => !reward.Graders.Keys.Any(source => DataSourceGrader.Covers(source, name))))
        {
            map.TryAdd(name, TaskGraderName);
        }

        JsonObject options = Options(reward);
        GraderRegistry.CheckOptions([reward.Grader, .. reward.Graders.Values], options);
        options["map"] = map;
        if (isNamed)
        {
            options["default"] = reward.Grader;
        }

        _grader = registry.CreateForTraining(DataSource, options);
        _sources = _grader as DataSourceGrader
            ?? (DataSourceGrader)registry.CreateForTraining(DataSource, WithoutShaping(options));
    }

    /// <inheritdoc/>
    public string Name => _grader.Name;

    /// <inheritdoc/>
    public int Concurrency => _grader.Concurrency;

    /// <summary>The name of the grader for a data source.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public string GraderFor(string dataSource) => _sources.GraderFor(dataSource);

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop) => _grader.Grade(request, stop);

    /// <summary>Fails before the first step where a row's data source has no grader: its rewards would all be
    /// 0.</summary>
    /// <exception cref="ConfigException">One has none; the message says which keys to set.</exception>
    public void RequireFor(IPromptSource prompts)
    {
        HashSet<string> seen = [];
        for (long i = 0; i < (prompts.Count ?? 0); i++)
        {
            string source = prompts.Get(i).DataSource;
            if (!seen.Add(source))
            {
                continue;
            }

            try
            {
                GraderFor(source);
            }
            catch (ConfigException e)
            {
                throw new ConfigException(
                    $"the data have rows of data source '{source}', for which no grader is known; set "
                        + $"reward.graders={{{source}: NAME}}, "
                    + "or reward.grader=NAME for all rows of files (graders: "
                        + string.Join(", ", new GraderRegistry().Names) + ")", e);
            }
        }
    }

    private static IEnumerable<string> NamesOf(IReasoningTask? task) => task switch
    {
        null => [],
        TaskMixture mixture => mixture.Tasks.Select(part => part.Name),
        _ => [task.Name],
    };

    private static JsonObject Options(RewardConfig reward)
    {
        JsonObject options = [];
        foreach ((string name, string value) in reward.GraderOptions)
        {
            options[name] = name is "map" or "default"
                ? throw new ConfigException(
                    $"reward.grader_options.{name}: graders are chosen by reward.graders and reward.grader")
                : Value(value);
        }

        return options;
    }

    private static JsonObject WithoutShaping(JsonObject options)
    {
        JsonObject rest = (JsonObject)options.DeepClone();
        rest.Remove("shaping");
        return rest;
    }

    /// <summary>Numbers, lists and objects in JSON; anything else is text.</summary>
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
