using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;

namespace Tbrm.Training.Tests.Config;

/// <summary>YAML that is nested deeper than a stack is high is refused, wherever it comes from.</summary>
public sealed class ShallowYamlTests
{
    private const int Deep = 100_000;

    [Test]
    public void Nesting_beyond_any_configuration_is_refused_by_line([Values("[", "{a: ", "- ")] string open)
    {
        string text = "trainer:\n  seed: " + (open == "- " ? "\n    " : "")
            + string.Concat(Enumerable.Repeat(open, Deep));
        Assert.That(() => ConfigEntry.FromYaml(text, "config.yaml"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("config.yaml:").And.Message.Contains("deep"));
    }

    [Test]
    public void The_same_on_the_command_line() =>
        Assert.That(() => ConfigEntry.FromArgument("data.tasks=" + new string('[', Deep)),
            Throws.TypeOf<ConfigException>().With.Message.Contains("data.tasks"));

    [Test]
    public void What_is_as_deep_as_configurations_are_is_read() =>
        Assert.That(ConfigEntry.FromYaml("data:\n  tasks: [{name: gcd, params: {a: 1}}]\n", "config.yaml")
            .Single().Path, Is.EqualTo("data.tasks"));
}
