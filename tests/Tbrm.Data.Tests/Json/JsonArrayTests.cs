using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Json;

internal sealed class JsonArrayTests
{
    [Test]
    public void A_list_of_objects_is_read_however_it_is_laid_out()
    {
        SourceRow[] rows = Read(" [\n  {\"a\": \"]}\\\"\",\n   \"b\": [1, {}]},\r\n  {\"a\": \"\\\\\"}\n]\n");

        Assert.That(rows.Select(row => (string?)row.Row["a"]), Is.EqualTo(new[] { "]}\"", "\\" }));
        Assert.That(rows[1].Where, Does.EndWith("rows.json:4"));
    }

    [Test]
    public void An_empty_list_has_no_rows()
    {
        Assert.That(Read("[]"), Is.Empty);
    }

    [TestCase("[{\"a\":1}", "expected ','")]
    [TestCase("[{\"a\":1", "ends inside")]
    [TestCase("[{\"a\":1} {\"a\":2}]", "expected ','")]
    [TestCase("[1]", "must be an object")]
    [TestCase("[{\"a\":1}] x", "more after")]
    [TestCase("[\n{\"a\":1},\n{\"a\":tru}]", ":3: not valid JSON")]
    [TestCase("[{\"a\":1},]", "must be an object")]
    [TestCase("[{]", "not valid JSON")]
    public void A_damaged_list_is_an_error(string text, string message)
    {
        Assert.That(() => Read(text), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    private static SourceRow[] Read(string text)
    {
        using TemporaryFolder folder = new();
        return [.. RowFile.Read(folder.Write("rows.json", text))];
    }
}
