using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Cli.Profiles;
using Tbrm.Core.Errors;
using Tbrm.Training.Profiles;
using Tbrm.Training.Reports.Pages;

namespace Tbrm.Cli.Verbs;

/// <summary>
/// <c>profile memory|time|map</c>: what a step of TBRM takes beside a step of other algorithms: measured in real steps,
/// planned beside it.
/// </summary>
internal sealed class ProfileVerb : IVerb
{
    private const int DefaultRounds = 5, DefaultSteps = 2;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public Command Create() => new("profile",
        "Measures memory and time of a step of TBRM beside PPO, GRPO and others, with what is planned for them")
    {
        Memory(), Time(), Map(), Worker(),
    };

    private static Command Memory()
    {
        ProfileOptions options = new();
        Option<int> steps = new("--steps")
        {
            Description = "Steps of each; the last is reported",
            HelpName = "N",
            DefaultValueFactory = _ => DefaultSteps,
        };
        Option<bool> map = new("--map") { Description = "Adds the map of profile map for this shape" };
        Command command = new("memory",
            "Peak memory by phase and component of real steps, each algorithm in a process of its own");
        options.AddTo(command);
        command.Options.Add(steps);
        command.Options.Add(map);
        command.SetAction(parsed =>
        {
            string? page = options.Page(parsed);
            ProfileShape shape = options.Shape(parsed);
            IReadOnlyList<Opponent> opponents = options.Opponents(parsed);
            List<ProfileSetting> settings = [.. from length in options.Lengths(parsed, [ProfileSetting.DefaultLength])
                                                from batch in options.Batches(parsed, [ProfileSetting.DefaultBatch])
                                                from opponent in opponents
                                                select options.Setting(parsed, opponent, shape, length, batch)];
            IReadOnlyList<MapCell> cells = parsed.GetValue(map) ? MapOf(options, parsed, [shape], opponents) : [];
            MemoryProfile profile = ProfileRuns.Memory(shape, settings, AtLeastOne("--steps", parsed.GetValue(steps)),
                cells);
            List<ProfileTable> tables = [.. profile.Sizes.Select(ProfileTable.Peaks)];
            tables.AddRange(profile.All.Select(ProfileTable.Phases));
            Print(options.IsJson(parsed), profile.ToJson(), profile.Shape + ": " + profile.About,
                cells.Count > 0 ? [.. tables, ProfileTable.Map(cells)] : tables);
            if (page is not null)
            {
                ProfilePage.Write(page, profile);
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static Command Time()
    {
        ProfileOptions options = new();
        Option<int> rounds = new("--rounds")
        {
            Description = "Steps of each, one of everybody in turn",
            HelpName = "N",
            DefaultValueFactory = _ => DefaultRounds,
        };
        Command command = new("time",
            "Time of a step by phase, A B A B, with the ratio's spread and what operations and bytes let one expect");
        options.AddTo(command);
        command.Options.Add(rounds);
        command.SetAction(parsed =>
        {
            string? page = options.Page(parsed);
            ProfileShape shape = options.Shape(parsed);
            IReadOnlyList<Opponent> opponents = [.. options.Opponents(parsed).Where(o => o.IsMeasured)];
            int count = AtLeastOne("--rounds", parsed.GetValue(rounds));
            List<TimeProfile> profiles = [];
            foreach (int length in options.Lengths(parsed, [ProfileSetting.DefaultLength]))
            {
                profiles.AddRange(options.Batches(parsed, [ProfileSetting.DefaultBatch]).Select(batch =>
                    ProfileRuns.Time(shape,
                        [.. opponents.Select(o => options.Setting(parsed, o, shape, length, batch))], count)));
            }

            JsonObject json = new()
            {
                ["verb"] = "profile time",
                ["shape"] = shape.Name,
                ["sizes"] = new JsonArray([.. profiles.Select(p => (JsonNode)p.ToJson())]),
            };
            Print(options.IsJson(parsed), json, $"{shape.Name}: {profiles[0].About}",
                [.. profiles.Select(p => p.Table())]);
            if (page is not null)
            {
                ProfilePage.Write(page, profiles);
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static Command Map()
    {
        ProfileOptions options = new();
        Command command = new("map",
            "What TBRM saves over length, batch and model size, by plan for a GPU: also where it saves nothing");
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            string? page = options.Page(parsed);
            IReadOnlyList<MapCell> cells = MapOf(options, parsed, options.Shapes(parsed), options.Opponents(parsed));
            JsonObject json = new()
            {
                ["verb"] = "profile map",
                ["map"] = new JsonArray([.. cells.Select(c => (JsonNode)c.ToJson())]),
            };
            Print(options.IsJson(parsed), json, "planned, nothing is measured", [ProfileTable.Map(cells)]);
            if (page is not null)
            {
                ProfilePage.Write(page, cells);
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static Command Worker()
    {
        Command command = new("worker", "What profile starts for each algorithm; reads its orders from stdin")
        {
            Hidden = true,
        };
        command.SetAction(_ =>
        {
            ProfileWorker.Serve(Console.In, Console.Out);
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static IReadOnlyList<MapCell> MapOf(ProfileOptions options, ParseResult parsed,
        IReadOnlyList<ProfileShape> shapes, IReadOnlyList<Opponent> opponents) =>
        SavingsMap.Of(opponents, shapes, options.Lengths(parsed, SavingsMap.Lengths),
            options.Batches(parsed, SavingsMap.Batches),
            (o, shape, length, batch) => options.Setting(parsed, o, shape, length, batch), isCuda: true);

    private static void Print(bool isJson, JsonObject json, string about, IReadOnlyList<ProfileTable> tables)
    {
        if (isJson)
        {
            Console.Out.WriteLine(json.ToJsonString(s_indented));
            return;
        }

        Console.Out.WriteLine(about);
        foreach (ProfileTable table in tables)
        {
            Console.Out.WriteLine($"\n{table.Title}\n{table.Lead}");
            Console.Out.WriteLine(PlainTable.Of(table.Columns, table.Rows).TrimEnd());
        }
    }

    private static int AtLeastOne(string option, int value) =>
        value is >= 1 and <= 1000 ? value : throw new ConfigException($"{option} {value}: 1 to 1000 was expected");
}
