using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Text.Chat;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Tests.Prompts;

/// <summary>What rows give a chat template that has no word for it is told by name.</summary>
public sealed class UnreadFieldsTests
{
    private static readonly Tokenizer s_tokenizer = ScratchModel.TrainTokenizer(new(), new PromptList(
        [new Prompt { DataSource = "t", Messages = [new("user", "1 + 2?")], GroundTruth = "3", Index = 0 }]));

    [Test]
    public void Fields_of_messages_and_variables_are_named_once_and_the_engine_s_own_are_not()
    {
        PromptEncoder encoder = new(s_tokenizer, null, new());
        for (int i = 0; i < 2; i++)
        {
            encoder.RequireSeen(new Prompt
            {
                DataSource = "t",
                Messages = [new("user", "1?") { Fields = """{"name":"a","weight":0,"mask":null}""" }],
                Variables = TemplateVariables.Of(new JsonObject { ["enable_thinkin"] = false }),
                GroundTruth = "1",
                Index = i,
            });
        }

        Assert.That(encoder.TakeUnread(), Is.EqualTo("the chat template does not read these fields of messages: name; "
            + "nor these variables of chat_template_kwargs: enable_thinkin"));
        Assert.That(encoder.TakeUnread(), Is.Null);
    }

    [TestCase("{% for m in messages %}{{ m.content }}{% endfor %}", "name")]
    [TestCase("{% for m in messages %}{{ m['name'] or '' }}{{ m.content }}{% endfor %}", null)]
    [TestCase("{% for m in messages %}{% if 'name' in m %}{{ m.content }}{% endif %}{% endfor %}", null)]
    [TestCase("{% for message in messages %}{{ message | tojson }}{% endfor %}", null)]
    [TestCase("{% for message in messages %}{% for k, v in message.items() %}{{ v }}{% endfor %}{% endfor %}", null)]
    [TestCase("{{ messages | tojson }}", null)]
    public void A_template_that_can_ask_for_a_field_reads_it(string template, string? unread)
    {
        UnreadFields fields = new(PromptTemplate.Over(ChatTemplate.FromSource(template), null));
        fields.Look([new("user", "1?") { Fields = """{"name":"a"}""" }], TemplateVariables.None, isLearned: false);
        Assert.That(fields.Take(), unread is null ? Is.Null : Does.EndWith(": " + unread));
    }
}
