using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sources;
using Tbrm.Tasks;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;
using Tbrm.Verify;

namespace Tbrm.Training.Tests;

/// <summary>Rows of many data sources in one run: each graded by what fits it.</summary>
public sealed class RunGraderTests
{
    private static readonly IReasoningTask s_gcd = TaskRegistry.Create("gcd");

    /// <summary>The choices of verl's default_compute_score.</summary>
    [TestCase("openai/gsm8k", "gsm8k")]
    [TestCase("lighteval/MATH", "math_boxed")]
    [TestCase("DigitalLearningGmbH/MATH-lighteval", "math_boxed")]
    [TestCase("HuggingFaceH4/MATH-500", "math_boxed")]
    [TestCase("math_dapo", "math_dapo")]
    [TestCase("math_dapo_reasoning", "math_dapo")]
    [TestCase("math", "math_dapo")]
    [TestCase("aime24", "math_dapo")]
    [TestCase("aime2025", "math_dapo")]
    [TestCase("numina_olympiads", "math_verify")]
    [TestCase("gcd", "task")]
    [TestCase("reasoning_gym/quantum_lock", "task")]
    public void A_data_source_has_its_grader_with_and_without_a_task(string source, string grader)
    {
        Assert.That(new RunGrader(new RewardConfig(), null).GraderFor(source), Is.EqualTo(grader));
        Assert.That(new RunGrader(new RewardConfig(), s_gcd).GraderFor(source), Is.EqualTo(grader));
    }

    [Test]
    public void A_named_grader_takes_all_rows_of_files_and_leaves_the_task_its_scorer()
    {
        RunGrader grader = new RunGrader(new RewardConfig { Grader = "math_verify" }, s_gcd);
        Assert.That(new[] { "openai/gsm8k", "my_rows", "lcm", "gcd" }.Select(grader.GraderFor),
            Is.EqualTo(new[] { "math_verify", "math_verify", "math_verify", "task" }));
    }

    [Test]
    public void What_the_configuration_maps_wins_over_everything()
    {
        RewardConfig reward =
            new()
            {
                Graders = new()
                {
                    ["openai/*"] = "math_verify",
                    ["gcd"] = "gsm8k",
                    ["mine"] = "math_boxed",
                    ["reasoning_gym/l*"] = "math_dapo"
                }
            };
        RunGrader grader = new RunGrader(reward, s_gcd);
        Assert.That(
            new[] { "openai/gsm8k", "gcd", "mine", "reasoning_gym/lcm", "reasoning_gym/gcd",
                "lcm" }.Select(grader.GraderFor),
            Is.EqualTo(new[] { "math_verify", "gsm8k", "math_boxed", "math_dapo", "task", "task" }));
        Assert.That(new RunGrader(new RewardConfig { Graders = new() { ["*"] = "math_verify" } }, s_gcd)
            .GraderFor("gcd"), Is.EqualTo("math_verify"));
    }

    [Test]
    public void Rows_of_one_batch_get_the_scores_of_their_own_graders()
    {
        RewardManager manager = new(new RunGrader(new RewardConfig(), s_gcd));
        (string Source, string Solution, string Truth, double Score)[] rows =
        [
            ("openai/gsm8k", "It is 72.\n#### 72", "72", 1),
            ("openai/gsm8k", "\\boxed{72}", "72", 0),
            ("math_dapo", "Answer: 34", "34", 1),
            ("math_dapo", "Answer: 35", "34", -1),
            ("aime24", "#### 25", "25", -1),
            ("lighteval/MATH", "so \\boxed{\\dfrac{1}{2}}", "\\frac{1}{2}", 1),
            ("numina_amc_aime", "the answer is $0.5$", "\\frac{1}{2}", 1),
            ("gcd", "12", "12", 1),
            ("reasoning_gym/gcd", "13", "12", 0),
        ];

        GradeResult[] grades =
            manager.Grade([.. rows.Select(row => new GradeRequest(row.Source, row.Solution, row.Truth, null))]);

        Assert.That(grades.Select(grade => grade.Status), Has.None.EqualTo(GradeStatus.Error));
        Assert.That(grades.Select(grade => grade.Score), Is.EqualTo(rows.Select(row => row.Score)));
    }

    [Test]
    public void Options_reach_the_graders()
    {
        RewardConfig reward = new()
        {
            GraderOptions = new()
            {
                ["method"] = "flexible",
                ["shaping"] = """[{"term": "format", "pattern": "^ok", "weight": 2}]""",
            },
        };
        GradeResult grade = new RunGrader(reward, null)
            .Grade(new GradeRequest("openai/gsm8k", "ok, it is 72", "72", null), CancellationToken.None);
        Assert.That(grade.Score, Is.EqualTo(3));
    }

    [Test]
    public void A_data_source_without_a_grader_stops_the_run_before_it_begins()
    {
        PromptList prompts = new([Row("openai/gsm8k"), Row("my/rows")]);
        ConfigException? error =
            Assert.Throws<ConfigException>(() => new RunGrader(new RewardConfig(), s_gcd).RequireFor(prompts));
        Assert.That(error!.Message, Does.Contain("my/rows").And.Contain("reward.graders"));
        Assert.That(() => new RunGrader(new RewardConfig { Graders = new() { ["my/*"] = "gsm8k" } }, null)
            .RequireFor(prompts), Throws.Nothing);
        Assert.That(() => new RunGrader(new RewardConfig { Grader = "math_verify" }, null).RequireFor(prompts),
            Throws.Nothing);
    }

    [TestCase("grader", "math_verifi", "math_verify")]
    [TestCase("graders", "gsm9k", "gsm8k")]
    [TestCase("options", "", "reward.grader_options.map")]
    [TestCase("unknown", "", "'methd'; did you mean 'method'")]
    public void A_wrong_name_is_named(string key, string name, string expected)
    {
        RewardConfig reward = key switch
        {
            "grader" => new() { Grader = name },
            "graders" => new() { Graders = new() { ["x"] = name } },
            "unknown" => new() { GraderOptions = new() { ["methd"] = "flexible" } },
            _ => new() { GraderOptions = new() { ["map"] = "{}" } },
        };
        Assert.That(() => _ = new RunGrader(reward, null),
            Throws.TypeOf<ConfigException>().With.Message.Contains(expected));
    }

    [Test]
    public void Maps_come_from_the_command_line_and_from_files()
    {
        RunConfig config = ConfigLoader.Load(
            [], ["reward.graders={openai/*: math_verify, mine: gsm8k}", "reward.grader_options={method: flexible}"]);
        Assert.That(config.Reward.Graders,
            Is.EquivalentTo(new Dictionary<string, string> { ["openai/*"] = "math_verify", ["mine"] = "gsm8k" }));
        Assert.That(config.Reward.GraderOptions["method"], Is.EqualTo("flexible"));
    }

    private static Prompt Row(string source) => new()
    {
        DataSource = source,
        Messages = [new ChatMessage("user", "q")],
        GroundTruth = "1",
        Index = 0,
        ExtraInfo = new JsonObject(),
    };
}
