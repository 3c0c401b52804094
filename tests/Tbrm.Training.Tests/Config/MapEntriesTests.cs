using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Training.Config;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Config;

/// <summary>Keys that hold a map of free names.</summary>
public sealed class MapEntriesTests
{
    [Test]
    public void One_name_of_a_map_is_set_by_its_path_and_the_others_stay()
    {
        RunConfig config = Load(
            "data.apply_chat_template_kwargs={enable_thinking: true, k: 1}",
            "data.apply_chat_template_kwargs.enable_thinking=False",
            "actor_rollout_ref.reward.graders.openai/gsm8k=math_verify");

        Assert.That(TemplateKwargs.Of(config.Data).Json, Is.EqualTo("""{"enable_thinking":false,"k":1}"""));
        Assert.That(config.Reward.Graders["openai/gsm8k"], Is.EqualTo("math_verify"));
    }

    [TestCase("data.apply_chat_template_kwargs={a: [1, \"2\", x, true], b: {c: null}}",
        """{"a":[1,"2","x",true],"b":{"c":null}}""")]
    [TestCase("data.apply_chat_template_kwargs.a=text", """{"a":"text"}""")]
    [TestCase("data.apply_chat_template_kwargs.a=null", """{"a":null}""")]
    [TestCase("data.apply_chat_template_kwargs.a=[1, 2]", """{"a":[1,2]}""")]
    [TestCase("data.apply_chat_template_kwargs.a.b=2", """{"a.b":2}""")]
    public void Values_are_what_yaml_says(string argument, string expected)
    {
        Assert.That(TemplateKwargs.Of(Load(argument).Data).Json, Is.EqualTo(expected));
    }

    [Test]
    public void What_was_resolved_is_read_back_as_the_same()
    {
        RunConfig config = Load("data.apply_chat_template_kwargs={a: [1, \"2\"], b: false, c: text}");
        RunConfig again = ConfigLoader.FromYaml(ConfigWriter.ToYaml(config), "resolved");

        Assert.That(TemplateKwargs.Of(again.Data).Json, Is.EqualTo(TemplateKwargs.Of(config.Data).Json));
    }

    private static RunConfig Load(params string[] arguments) => ConfigLoader.Load([], arguments);
}
