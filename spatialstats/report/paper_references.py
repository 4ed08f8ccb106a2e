"""The works that a methods paragraph may cite, as BibTeX.

Each was compared with bibliographies and author pages that cite it, not with its publisher's own record;
a field that could not be compared is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

Entry = tuple[str, dict[str, str]]


def _paper(author: str, title: str, where: str, year: int, **more: str) -> Entry:
    return "inproceedings", {"author": author, "title": title, "booktitle": where, "year": str(year), **more}


def _article(author: str, title: str, journal: str, year: int, **more: str) -> Entry:
    return "article", {"author": author, "title": title, "journal": journal, "year": str(year), **more}


def _arxiv(author: str, title: str, number: str, year: int) -> Entry:
    return "misc", {
        "author": author,
        "title": title,
        "howpublished": f"arXiv:{number}",  # BibTeX's own styles know of no eprint
        "year": str(year),
        "eprint": number,
        "archiveprefix": "arXiv",
    }


REFERENCES: dict[str, Entry] = {
    "chattopadhyay2020": _arxiv(
        "Chattopadhyay, Nandish and Zhi, Lionell Yip En and Xing, Bryan Tan Bing and Chattopadhyay, Anupam",
        "Spatially Correlated Patterns in Adversarial Images",
        "2011.10794",
        2020,
    ),
    "krizhevsky2009": (
        "techreport",
        {
            "author": "Krizhevsky, Alex",
            "title": "Learning Multiple Layers of Features from Tiny Images",
            "institution": "University of Toronto",
            "year": "2009",
        },
    ),
    "xiao2017": _arxiv(
        "Xiao, Han and Rasul, Kashif and Vollgraf, Roland",
        "{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
        "1708.07747",
        2017,
    ),
    "madry2018": _paper(
        "Madry, Aleksander and Makelov, Aleksandar and Schmidt, Ludwig and Tsipras, Dimitris and "
        "Vladu, Adrian",
        "Towards Deep Learning Models Resistant to Adversarial Attacks",
        "International Conference on Learning Representations",
        2018,
        note="arXiv:1706.06083",
    ),
    "goodfellow2015": _paper(
        "Goodfellow, Ian J. and Shlens, Jonathon and Szegedy, Christian",
        "Explaining and Harnessing Adversarial Examples",
        "International Conference on Learning Representations",
        2015,
        note="arXiv:1412.6572",
    ),
    "dong2018": _paper(
        "Dong, Yinpeng and Liao, Fangzhou and Pang, Tianyu and Su, Hang and Zhu, Jun and Hu, Xiaolin and "
        "Li, Jianguo",
        "Boosting Adversarial Attacks with Momentum",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2018,
        pages="9185--9193",
    ),
    "rony2019": _paper(
        "Rony, J{\\'e}r{\\^o}me and Hafemann, Luiz G. and Oliveira, Luiz S. and Ben Ayed, Ismail and "
        "Sabourin, Robert and Granger, Eric",
        "Decoupling Direction and Norm for Efficient Gradient-Based {L2} Adversarial Attacks and Defenses",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        2019,
        pages="4322--4330",
    ),
    "croce2019": _paper(
        "Croce, Francesco and Hein, Matthias",
        "Sparse and Imperceivable Adversarial Attacks",
        "IEEE International Conference on Computer Vision",
        2019,
        pages="4724--4732",
    ),
    "croce2020": _paper(
        "Croce, Francesco and Hein, Matthias",
        "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks",
        "International Conference on Machine Learning",
        2020,
        pages="2206--2216",
    ),
    "andriushchenko2020": _paper(
        "Andriushchenko, Maksym and Croce, Francesco and Flammarion, Nicolas and Hein, Matthias",
        "{Square Attack}: a Query-efficient Black-box Adversarial Attack via Random Search",
        "European Conference on Computer Vision",
        2020,
        pages="484--501",
    ),
    "croce2022": _paper(
        "Croce, Francesco and Andriushchenko, Maksym and Singh, Naman D. and Flammarion, Nicolas and "
        "Hein, Matthias",
        "{Sparse-RS}: a Versatile Framework for Query-Efficient Sparse Black-Box Adversarial Attacks",
        "{AAAI} Conference on Artificial Intelligence",
        2022,
        volume="36",
        pages="6437--6445",
    ),
    "rao2020": _paper(
        "Rao, Sukrut and Stutz, David and Schiele, Bernt",
        "Adversarial Training against Location-Optimized Adversarial Patches",
        "European Conference on Computer Vision Workshops",
        2020,
        series="Lecture Notes in Computer Science",
        volume="12539",
        doi="10.1007/978-3-030-68238-5_32",
    ),
    "sundararajan2017": _paper(
        "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi",
        "Axiomatic Attribution for Deep Networks",
        "International Conference on Machine Learning",
        2017,
        pages="3319--3328",
    ),
    "simonyan2013": _arxiv(
        "Simonyan, Karen and Vedaldi, Andrea and Zisserman, Andrew",
        "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
        "1312.6034",
        2013,
    ),
    "smilkov2017": _arxiv(
        "Smilkov, Daniel and Thorat, Nikhil and Kim, Been and Vi{\\'e}gas, Fernanda and Wattenberg, Martin",
        "{SmoothGrad}: removing noise by adding noise",
        "1706.03825",
        2017,
    ),
    "selvaraju2017": _paper(
        "Selvaraju, Ramprasaath R. and Cogswell, Michael and Das, Abhishek and Vedantam, Ramakrishna and "
        "Parikh, Devi and Batra, Dhruv",
        "{Grad-CAM}: Visual Explanations from Deep Networks via Gradient-Based Localization",
        "IEEE International Conference on Computer Vision",
        2017,
        pages="618--626",
    ),
    "zeiler2014": _paper(
        "Zeiler, Matthew D. and Fergus, Rob",
        "Visualizing and Understanding Convolutional Networks",
        "European Conference on Computer Vision",
        2014,
        pages="818--833",
    ),
    "otsu1979": _article(
        "Otsu, Nobuyuki",
        "A Threshold Selection Method from Gray-Level Histograms",
        "IEEE Transactions on Systems, Man, and Cybernetics",
        1979,
        volume="9",
        number="1",
        pages="62--66",
    ),
    "shapley1953": (
        "incollection",
        {
            "author": "Shapley, Lloyd S.",
            "title": "A Value for n-Person Games",
            "booktitle": "Contributions to the Theory of Games {II}",
            "editor": "Kuhn, H. W. and Tucker, A. W.",
            "publisher": "Princeton University Press",
            "pages": "307--317",
            "year": "1953",
        },
    ),
    "hemerik2018": _article(
        "Hemerik, Jesse and Goeman, Jelle",
        "Exact Testing with Random Permutations",
        "TEST",
        2018,
        volume="27",
        number="4",
        pages="811--825",
        doi="10.1007/s11749-017-0571-1",
    ),
    "phipson2010": _article(
        "Phipson, Belinda and Smyth, Gordon K.",
        "Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are "
        "Randomly Drawn",
        "Statistical Applications in Genetics and Molecular Biology",
        2010,
        volume="9",
        number="1",
        note="Article 39",
        doi="10.2202/1544-6115.1585",
    ),
    "hesterberg2015": _article(
        "Hesterberg, Tim C.",
        "What Teachers Should Know About the Bootstrap: Resampling in the Undergraduate Statistics "
        "Curriculum",
        "The American Statistician",
        2015,
        volume="69",
        number="4",
        pages="371--386",
        doi="10.1080/00031305.2015.1089789",
    ),
    "wilson1927": _article(
        "Wilson, Edwin B.",
        "Probable Inference, the Law of Succession, and Statistical Inference",
        "Journal of the American Statistical Association",
        1927,
        volume="22",
        number="158",
        pages="209--212",
        doi="10.1080/01621459.1927.10502953",
    ),
    "newcombe1998": _article(
        "Newcombe, Robert G.",
        "Improved Confidence Intervals for the Difference Between Binomial Proportions Based on Paired Data",
        "Statistics in Medicine",
        1998,
        volume="17",
        number="22",
        pages="2635--2650",
    ),
    "knutsson1993": _paper(
        "Knutsson, Hans and Westin, Carl-Fredrik",
        "Normalized and Differential Convolution",
        "IEEE Conference on Computer Vision and Pattern Recognition",
        1993,
        pages="515--523",
        doi="10.1109/CVPR.1993.341081",
    ),
    "bertalmio2000": _paper(
        "Bertalmio, Marcelo and Sapiro, Guillermo and Caselles, Vicent and Ballester, Coloma",
        "Image Inpainting",
        "Annual Conference on Computer Graphics and Interactive Techniques ({SIGGRAPH})",
        2000,
        pages="417--424",
        doi="10.1145/344779.344972",
    ),
    "chattopadhyay2025": _paper(
        "Chattopadhyay, Nandish and Guesmi, Amira and Hanif, Muhammad Abdullah and Ouni, Bassem and "
        "Shafique, Muhammad",
        "{ODDR}: Outlier Detection \\& Dimension Reduction Based Defense Against Adversarial Patches",
        "IEEE International Conference on Computer Vision",
        2025,
        note="arXiv:2311.12084",
    ),
    "tramer2020": _paper(
        "Tram{\\`e}r, Florian and Carlini, Nicholas and Brendel, Wieland and Madry, Aleksander",
        "On Adaptive Attacks to Adversarial Example Defenses",
        "Advances in Neural Information Processing Systems",
        2020,
        volume="33",
        pages="1633--1645",
    ),
}
"""Key to kind of entry and its fields."""

OF_DATA = {"cifar10": "krizhevsky2009", "fashion-mnist": "xiao2017"}
OF_ATTACK = {
    "pgd-linf": "madry2018",
    "pgd-l2": "madry2018",
    "fgsm": "goodfellow2015",
    "mi-fgsm": "dong2018",
    "ddn": "rony2019",
    "sparse": "croce2019",
    "apgd-linf": "croce2020",
    "apgd-l2": "croce2020",
    "square-linf": "andriushchenko2020",
    "square-l2": "andriushchenko2020",
    "square-patch": "croce2022",
    "patch": "rao2020",
}
OF_IMPORTANCE = {
    "integrated-gradients": "sundararajan2017",
    "saliency": "simonyan2013",
    "smoothgrad": "smilkov2017",
    "grad-cam": "selvaraju2017",
    "occlusion": "zeiler2014",
}
OF_FILL = {"inpaint": "bertalmio2000", "blur": "knutsson1993", "svd": "chattopadhyay2025"}


def bibliography(keys: Iterable[str]) -> str:
    """BibTeX of the works under the given keys, in their order."""
    parts = []
    for key in dict.fromkeys(keys):
        kind, fields = REFERENCES[key]
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        parts.append(f"@{kind}{{{key},\n{lines}\n}}\n")
    return "\n".join(parts)
