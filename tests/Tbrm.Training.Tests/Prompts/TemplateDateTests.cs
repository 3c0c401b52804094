using System;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests.Prompts;

/// <summary>The day in a chat template is the run's, not the machine's.</summary>
public sealed class TemplateDateTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() =>
        Directory.CreateDirectory(_folder = Path.Combine(
        Path.GetTempPath(), "tbrm-test-" + Guid.NewGuid().ToString("N")));

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void The_configured_day_is_written()
    {
        string template = Path.Combine(_folder, "dated.jinja");
        File.WriteAllText(template, "{{ strftime_now('%d %b %Y') }}: {{ messages[0].content }}");
        DataConfig data = new() { Template = template, TemplateDate = "2024-07-26" };
        Prompt prompt = new() { DataSource = "t", Messages = [new("user", "1 + 2?")], GroundTruth = "3", Index = 0 };
        Tokenizer tokenizer = ScratchModel.TrainTokenizer(new(), new PromptList([prompt]));
        PromptEncoder encoder = new(tokenizer, null, data);
        Assert.That(tokenizer.Decode(encoder.Encode(prompt).Ids), Is.EqualTo("26 Jul 2024: 1 + 2?"));
    }

    [Test]
    public void A_run_that_goes_on_keeps_its_day_unless_another_is_configured()
    {
        new RunState(RunState.Train, 3, new(0, 0, null, 1, true)) { TemplateDate = "2024-07-26" }.Write(Checkpoint());
        RunState saved = RunState.Read(Checkpoint());
        Assert.That(TemplateDate.Pin(new(), saved.TemplateDate).Data.TemplateDate, Is.EqualTo("2024-07-26"));
        Assert.That(TemplateDate.Pin(
            new() { Data = new() { TemplateDate = "2025-01-02" } }, saved.TemplateDate).Data.TemplateDate,
            Is.EqualTo("2025-01-02"));
    }

    [Test]
    public void A_run_that_begins_has_a_day_that_the_configuration_accepts()
    {
        string today = TemplateDate.Pin(new(), null).Data.TemplateDate;
        Assert.That(today, Is.Not.Empty);
        Assert.That(ConfigLoader.Load([], ["data.template_date=" + today]).Data.TemplateDate, Is.EqualTo(today));
    }

    [TestCase("yesterday")]
    [TestCase("2024-02-30")]
    [TestCase("26.07.2024")]
    public void What_is_no_day_is_refused(string value)
    {
        Assert.That(() => ConfigLoader.Load([], ["data.template_date=" + value]),
            Throws.TypeOf<ConfigException>().With.Message.Contains("data.template_date").And.Message.Contains(value));
    }

    private string Checkpoint()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "actor"));
        return _folder;
    }
}
