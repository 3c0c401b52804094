using System;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests;

public sealed class BaseModelRecordTests
{
    // Several times what a look at both ends of a file would cover.
    private const int FileBytes = 5 << 20;

    private string _folder = "", _model = "", _record = "";

    [SetUp]
    public void MakeFolder()
    {
        _folder = Directory.CreateTempSubdirectory("tbrm-").FullName;
        _model = WriteModel("model");
        _record = Path.Combine(_folder, "base_model.json");
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(0)]
    [TestCase(FileBytes / 2)]
    [TestCase(FileBytes - 1)]
    public void One_bit_anywhere_makes_it_another_base(int at)
    {
        BaseModelRecord.Write(_record, _model);
        string copy = WriteModel("copy");
        Assert.That(() => BaseModelRecord.Check(_record, copy), Throws.Nothing, "the same weights in another folder");
        Assert.That(() => BaseModelRecord.CheckSame(_model, copy), Throws.Nothing);
        Flip(copy, at);
        Assert.That(() => BaseModelRecord.Check(_record, copy),
            Throws.InstanceOf<DataException>().With.Message.Contains("model.safetensors differs from " + _record));
        Assert.That(() => BaseModelRecord.CheckSame(_model, copy),
            Throws.InstanceOf<DataException>().With.Message.Contains("model.safetensors differs"));
    }

    [Test]
    public void A_later_record_is_of_the_weights_at_its_time()
    {
        BaseModelRecord.Write(_record, _model);
        string first = File.ReadAllText(_record);
        BaseModelRecord.Write(_record, _model);
        Assert.That(File.ReadAllText(_record), Is.EqualTo(first));
        Flip(_model, FileBytes / 2);
        // The clock of file times is coarse; a run's base does not change within one tick of it.
        File.SetLastWriteTimeUtc(Path.Combine(_model, "model.safetensors"),
            new DateTime(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        BaseModelRecord.Write(_record, _model);
        Assert.That(File.ReadAllText(_record), Is.Not.EqualTo(first));
        Assert.That(() => BaseModelRecord.Check(_record, _model), Throws.Nothing);
    }

    [Test]
    public void A_file_of_another_length_and_a_record_of_other_files_are_refused()
    {
        BaseModelRecord.Write(_record, _model);
        File.AppendAllText(Path.Combine(_model, "model.safetensors"), "x");
        Assert.That(() => BaseModelRecord.Check(_record, _model), Throws.InstanceOf<DataException>());
        File.WriteAllText(_record,
            """{"path": "/m", "files": {"model-00001-of-00002.safetensors": {"bytes": 1, "sha256": "00"}}}""");
        Assert.That(() => BaseModelRecord.Check(_record, WriteModel("other")), Throws.InstanceOf<DataException>());
        File.WriteAllText(_record, """{"path": "/m", "files": {"model.safetensors": 7}}""");
        Assert.That(() => BaseModelRecord.Check(_record, WriteModel("another")), Throws.InstanceOf<DataException>());
    }

    private string WriteModel(string name)
    {
        string model = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        byte[] bytes = new byte[FileBytes];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(Path.Combine(model, "model.safetensors"), bytes);
        return model;
    }

    private static void Flip(string model, int at)
    {
        using FileStream file = new(Path.Combine(model, "model.safetensors"), FileMode.Open);
        file.Seek(at, SeekOrigin.Begin);
        int value = file.ReadByte();
        file.Seek(at, SeekOrigin.Begin);
        file.WriteByte((byte)(value ^ 1));
    }
}
