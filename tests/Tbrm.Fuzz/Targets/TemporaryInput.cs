using System.IO;

namespace Tbrm.Fuzz.Targets;

/// <summary>
/// The file in which a reader that wants one finds its input; the next input takes its place. It lies in the worker's
/// own
/// temporary folder, which the campaign removes.
/// </summary>
internal sealed class TemporaryInput(string name)
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), name);

    /// <summary>Its path, with these bytes in it.</summary>
    public string Write(byte[] bytes)
    {
        File.WriteAllBytes(_path, bytes);
        return _path;
    }
}
