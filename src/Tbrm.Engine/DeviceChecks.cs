using System;
using System.IO;
using System.Security.Cryptography;
using System.Text;

namespace Tbrm.Engine;

/// <summary>Remembers which devices passed a check, one small file each, so that it is run once per build and
/// device.</summary>
/// <param name="folder">Where the files are; made when it is needed.</param>
public sealed class DeviceChecks(string folder)
{
    /// <summary>The user's cache: <c>$XDG_CACHE_HOME</c>, else <c>~/.cache</c>; Windows: the local application
    /// data.</summary>
    public static DeviceChecks OfThisUser()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }

        return new(Path.Combine(cache, "tbrm-native", "self-check"));
    }

    /// <summary>Runs <paramref name="check"/> unless it passed for this <paramref name="identity"/> before. What it
    /// throws passes on and is not remembered.</summary>
    /// <param name="identity">All that a passed check depends on: build, device, driver.</param>
    /// <param name="check">Returns how many results were compared.</param>
    public void Ensure(string identity, Func<int> check)
    {
        string file = Path.Combine(
            folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity))) + ".txt");
        if (File.Exists(file))
        {
            return;
        }

        int results = check();
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(file, $"{results} results agreed\n{identity}\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache that cannot be written costs the check at every start, nothing else.
        }
    }
}
